"""The past of a project: names mean what they meant then."""

import re
import time
from datetime import datetime, timedelta

import pytest

from mlops_nb.errors import NotFound, UsageError
from mlops_nb.lineage.details import show
from mlops_nb.lineage.graph import lineage
from mlops_nb.lineage.moments import before
from mlops_nb.lineage.references import resolve
from mlops_nb.lineage.slices import slice_of
from mlops_nb.store.db import LATEST, id_at


def between():
    """Return a moment that lies after all that was recorded, and before all that will be."""
    time.sleep(0.002)
    now = datetime.now().isoformat()
    time.sleep(0.002)
    return now


@pytest.fixture
def history(shell, project, workspace):
    """Two states of everything, and the moment between them."""
    shell.run_cell(
        "import mlops_nb as mlops, pandas as pd\nfrom sklearn.linear_model import LinearRegression", store_history=True
    )
    first = """
        x = 1
        open("f.txt", "w").write("one")
        frame = pd.DataFrame({"a": [1.0, 2.0]})
        mlops.dataset(frame, "d")
        mlops.register(LinearRegression().fit(frame, [1, 2]), "m", example=frame, intent="a test")
        mlops.promote("m", 1, reason="first")
    """
    second = first.replace("x = 1", "x = 2").replace("one", "two").replace("2.0", "3.0").replace('"m", 1', '"m", 2')
    cells = ["\n".join(map(str.strip, text.strip().splitlines())) for text in (first, second)]
    shell.run_cell(cells[0], store_history=True, cell_id="c")
    project.store.flush()
    then = between()
    shell.run_cell(cells[1], store_history=True, cell_id="c")
    project.store.flush()
    return then


NAMES = ("var:x", "x", "cell:c", "file:f.txt", "dataset:d", "models:/m", "models:/m/latest", "models:/m@champion")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_means_what_it_meant_then(history, project, name):
    then, now = resolve(project, name, before(project, history)), resolve(project, name)
    assert then < before(project, history) < now
    kinds = {project.store.value("SELECT kind FROM node WHERE id = ?", number) for number in (then, now)}
    assert len(kinds) == 1


def test_what_came_later_is_not_there_yet(history, project):
    end = before(project, history)
    for name, told in {
        "models:/m/2": "no version of model 'm' '2' - known: '1'",
        "dataset:d/2": "no version of dataset 'd' '2' - known: '1'",
        "cell:3": "no cell '3' has been executed by then",
        "var:y": "no variable 'y' was bound in a recorded cell by then",
        "file:g.txt": "no cell has read or written file:g.txt by then",
        "config:t": "no cell has read or written config:t by then",
        "runs:/feed": "no run '/feed' by then",
        "nothing": re.escape(f"nothing is called 'nothing' in {project.root} by then"),
    }.items():
        with pytest.raises(NotFound, match=told):
            resolve(project, name, end)
    newest = project.store.value("SELECT public FROM node ORDER BY id DESC LIMIT 1")
    with pytest.raises(NotFound, match="nothing is called"):
        resolve(project, newest, end)


def test_lineage_shows_what_was_known_then(history, project):
    def names(graph):
        return sorted(node.name for node in graph.nodes if node.kind in ("model", "dataset"))

    assert names(lineage(project, "cell:c", as_of=history)) == ["d", "m"]
    assert len(names(lineage(project))) == 4
    assert len(names(lineage(project, as_of=history))) == 2


def test_show_and_slice_are_of_what_was_meant_then(history, project):
    assert show(project, "models:/m@champion", as_of=history).facts["version"] == 1
    assert show(project, "models:/m@champion").facts["version"] == 2
    assert "x = 1" in slice_of(project, "var:x", history).cells[-1].source
    assert "x = 2" in slice_of(project, "var:x").cells[-1].source


def test_a_date_means_its_end(history, project):
    today = datetime.now().date()
    assert resolve(project, "var:x", before(project, today.isoformat())) == resolve(project, "var:x")
    with pytest.raises(NotFound, match=r"nothing was recorded before .* - the records begin with \d{4}-"):
        before(project, (today - timedelta(days=1)).isoformat())


def test_a_moment_may_name_its_zone(history, project):
    utc = datetime.fromisoformat(history).astimezone().astimezone(tz=None).isoformat()
    assert before(project, utc) == before(project, history)
    assert before(project, "2100-01-01T00:00:00Z") == LATEST
    assert before(project, None) == LATEST


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "", "12:30", "9999-12-31", "2026-11-24T25:00"])
def test_what_is_no_moment_is_told(project, text):
    with pytest.raises(UsageError, match=re.escape(f"not {text!r} - write 2026-11-24 or 2026-11-24T09:30")):
        before(project, text)


@pytest.mark.parametrize("text", ["1066-10-14", "0001-01-02", "2019-12-31"])
def test_a_moment_before_everything_is_told(project, text):
    with pytest.raises((NotFound, UsageError), match="nothing was recorded before|must be a date"):
        before(project, text)


def test_in_an_empty_project_nothing_was_ever_recorded(project):
    with pytest.raises(NotFound, match="the records begin with nothing yet"):
        before(project, "2100-01-01")


def test_the_row_ids_of_a_moment_lie_before_those_made_after_it(project):
    early = project.store.next_id()
    time.sleep(0.001)
    bound = id_at(time.time())
    time.sleep(0.001)
    assert early < bound < project.store.next_id()
