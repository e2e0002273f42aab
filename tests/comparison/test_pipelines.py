"""Two runs of a pipeline: step by step, and from step to step by the files between them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlops_nb.capture import runs
from mlops_nb.comparison.differences import diff
from mlops_nb.pipelines.executor import run as run_pipeline
from mlops_nb.project import Project


def test_a_step_whose_file_the_metric_came_from_explains_it_and_a_cached_one_is_what_it_stands_for(
    project: Project, notebook: Any
):
    notebook(
        "a.ipynb", ("p", "k = 2", "parameters"), ("x", "x = 'a' * k"), ("u", "unused = 1"),
        ("w", "n = open('x.txt', 'w').write(x)"),
    )  # fmt: skip
    notebook("b.ipynb", ("m", "import mlops_nb as mlops\nmlops.log_metric('total', len(open('x.txt').read()))"))
    for name in ("a.ipynb", "b.ipynb"):
        content = json.loads(Path(name).read_text())
        content["metadata"]["kernelspec"]["name"] = "python3"
        Path(name).write_text(json.dumps(content))
    run_pipeline(project)
    run_pipeline(project)
    text = Path("a.ipynb").read_text()
    Path("a.ipynb").write_text(text.replace("'a' * k", "'ab' * k").replace("unused = 1", "unused = 2"))
    run_pipeline(project)
    c, b, a = (f"runs:/{found.id}" for found in runs.runs(project, kind="pipeline"))
    assert diff(project, a, b).to_json() == {"a": a, "b": b} | {
        name: [] for name in ("cells", "parameters", "data", "environment", "metrics", "unknown")
    } | {"explanation": None}
    found = diff(project, b, c)
    assert [(m.name, m.before, m.after) for m in found.metrics] == [("b/total", 2.0, 4.0)]
    assert [(change.step, change.cell, change.explains) for change in found.cells] == [
        ("a", "x", True), ("a", "u", False),
    ]  # fmt: skip
    assert [change.name for change in found.data] == ["file:x.txt"]
    assert found.data[0].detail.startswith("made by the runs themselves")
