"""The value of a widget that a cell reads is a parameter of the run."""

from mlops_nb.capture.runs import runs


def test_a_widget_that_is_read_is_a_parameter_with_its_newest_value(cell, shell, project):
    cell("""
    import ipywidgets
    rate = ipywidgets.FloatSlider(value=0.25, max=1)
    kind = ipywidgets.Dropdown(options=["a", "b"], value="b")
    unused = ipywidgets.IntSlider(value=9)
    title = ipywidgets.HTML("<b>shown</b>")
    """)
    cell("(rate.value, kind.value, title)")
    assert runs(project)[0].parameters == {"rate": 0.25, "kind": "b"}
    shell.user_ns["rate"].value = 0.75  # as when somebody moves it
    cell("rate.value")
    assert runs(project)[0].parameters["rate"] == 0.75


def test_what_interact_chose_is_a_parameter(cell, project):
    cell("""
    import ipywidgets
    @ipywidgets.interact(depth=(1, 5))
    def train(depth=3):
        return depth
    """)
    cell("train(2)")
    assert runs(project)[0].parameters == {"depth": 3}
    cell("""
    chosen = ipywidgets.interactive(lambda depth: depth, depth=4)
    chosen.update()
    """)
    cell("chosen.kwargs")
    assert runs(project)[0].parameters["depth"] == 4
