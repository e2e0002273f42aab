"""Sources of cells, and what they import."""

from mlops_nb.capture.sources import imported


def test_the_modules_that_a_cell_imports_are_known():
    assert imported("%matplotlib inline\nimport a.b, c as d\nfrom e.f import g\nfrom . import h") == {"a", "c", "e"}
    assert imported("not python at all") == set()
