"""What must not be kept is found in no byte of the store."""

import subprocess

import pytest

from mlops_nb.capture import cells, runs
from mlops_nb.capture.cells import SKIPPED
from mlops_nb.lineage.slices import slice_of
from mlops_nb.project import Project
from mlops_nb.proof import fsck
from mlops_nb.registry.aliases import promote
from mlops_nb.registry.versions import register
from mlops_nb.secrets import known, redaction
from mlops_nb.secrets.redaction import removed
from tests.secrets import corpus


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    """No secret is known by value beforehand, and what a test makes known is forgotten."""
    monkeypatch.setattr(known, "_values", {})
    monkeypatch.setattr(known, "_seen", {})
    redaction._small.cache_clear()
    yield
    redaction._small.cache_clear()


def places(folder, text):
    """Return the files below ``.mlops`` that hold a text, also as JSON writes it."""
    wanted = {text.encode(), text.replace("\n", "\\n").encode()}
    files = [path for path in (folder / ".mlops").rglob("*") if path.is_file()]
    assert len(files) > 1
    return [path.name for path in files for form in wanted if form in path.read_bytes()]


def pieces(secret):
    """Return what a secret is looked for by: of a key of several lines each line of its body, of a URL its end."""
    return [line.rpartition("services/")[2] for line in secret.splitlines() if not line.startswith("-----")]


SHOWN = """
import sys, traceback
from IPython.display import HTML, display
for secret in [{secrets}]:
    print("it is", secret)
    print(repr(secret), file=sys.stderr)
    display(HTML("<b>" + secret + "</b>"))
    try:
        raise ValueError(secret)
    except ValueError:
        traceback.print_exc()
[{secrets}]
"""


def test_no_secret_of_any_shape_reaches_the_store_from_a_kernel(start_kernel, recorded):
    secrets = corpus.shaped(11)
    kernel = start_kernel()
    kernel.run("%load_ext mlops_nb")
    literals = ", ".join(map(repr, secrets.values()))
    kernel.run(SHOWN.format(secrets=literals))
    kernel.run("%tb")
    kernel.run("import mlops_nb as mlops")
    for number, secret in enumerate(secrets.values()):
        kernel.run(f"mlops.log_param('p{number}', {{'at': [{secret!r}]}})")
        kernel.run(f"raise RuntimeError('refused: ' + {secret!r})")
    project = recorded(kernel)
    assert project.store.value("SELECT count(*) FROM output") > 30
    assert project.store.value("SELECT count(*) FROM parameter") == len(secrets)
    assert project.store.value("SELECT count(*) FROM outcome WHERE reason LIKE '%[redacted:%'") == len(secrets)
    kernel.stop()
    leaked = {
        kind: found
        for kind, secret in secrets.items()
        for line in pieces(secret)
        if (found := places(kernel.folder, line))
    }
    assert leaked == {}
    assert fsck(project).problems == []


def test_no_secret_beside_a_name_reaches_the_store_from_a_kernel(start_kernel, recorded):
    kernel = start_kernel()
    kernel.run("%load_ext mlops_nb")
    secrets = [corpus.unshaped(seed) for seed in range(len(corpus.WRITTEN))]
    for line, secret in zip(corpus.WRITTEN, secrets, strict=True):
        text = line.format(secret)
        kernel.run(text)  # many are no Python: what was typed is a source all the same
        kernel.run(f"print({text!r})")
        kernel.run(f"raise ValueError({text!r})")
    recorded(kernel)
    kernel.stop()
    assert [line for line, secret in zip(corpus.WRITTEN, secrets, strict=True) if places(kernel.folder, secret)] == []


def test_what_was_bound_to_a_telling_name_is_known_wherever_it_is_shown(start_kernel, recorded):
    kernel = start_kernel()
    kernel.run("%load_ext mlops_nb")
    kernel.run("typed = ['tr0ub', '4dor&3']\npassword = ''.join(typed)")  # as from getpass
    kernel.run("print('with', password)\n[password.upper(), password]")
    kernel.run("raise ConnectionError(f'{password} was refused')")
    kernel.run(
        "def ask():\n    api_key = ''.join(['sesame', '-7-', 'open'])\n    raise ValueError(api_key)\napi_key = 'sesame' + '-7-' + 'open'\nask()"
    )
    recorded(kernel)
    kernel.stop()
    assert (places(kernel.folder, "tr0ub4dor&3"), places(kernel.folder, "sesame-7-open")) == ([], [])


def test_no_secret_of_the_environment_reaches_the_store(start_kernel, recorded):
    kernel = start_kernel(SERVICE_TOKEN="opensesame-1", DATABASE_URL="postgresql://bob:s3same!@db/flights")
    kernel.run("%load_ext mlops_nb")
    kernel.run("import os\nprint(dict(os.environ))")
    kernel.run("print('opensesame-1', 's3same!')")
    kernel.run("!env | grep -e TOKEN -e URL")
    kernel.run("os.environ['LATE_SECRET'] = '-'.join(['late', 'sesame'])\nprint('-'.join(['late', 'sesame']))")
    kernel.run("del os.environ['LATE_SECRET']")
    kernel.run("raise ValueError('late-sesame and s3same!')")
    kernel.run("%env")
    project = recorded(kernel)
    kernel.stop()
    assert [places(kernel.folder, text) for text in ("opensesame-1", "s3same!", "late-sesame")] == [[], [], []]
    assert project.store.value("SELECT reason FROM outcome WHERE reason LIKE 'ValueError%'") == (
        "ValueError: [redacted:LATE_SECRET] and [redacted:DATABASE_URL]"
    )


def test_a_source_tells_what_was_removed_from_it(shell, project, executions):
    shell.run_cell("api_key = 'sesame-open-7'\nlimit = 3", store_history=True)
    shell.run_cell("limit = 4", store_history=True)
    first, second = executions(project)
    assert first.source == "api_key = '[redacted:api_key]'\nlimit = 3"
    assert (removed(first.source), removed(second.source)) == (["api_key"], [])
    assert project.store.value("SELECT name FROM node WHERE kind = 'execution'") == "api_key = '[redacted:api_key]'"


def test_the_journal_of_a_running_cell_holds_no_secret(start_kernel):
    kernel = start_kernel(SERVICE_TOKEN="opensesame-1")
    kernel.run("%load_ext mlops_nb")
    secret = corpus.shaped()["hugging face"]
    kernel.send(f"x = '{secret}'; print('now', flush=True)\nimport time; time.sleep(60)  # opensesame-1")
    kernel.wait_until("now")
    (journal,) = (kernel.folder / ".mlops").glob("*.journal")
    assert "[redacted:hugging-face-token]" in journal.read_text()
    assert places(kernel.folder, secret) + places(kernel.folder, "opensesame") == []
    kernel.kill()
    assert [run.status for run in runs.runs(Project(kernel.folder))] == ["aborted"]
    assert places(kernel.folder, secret) + places(kernel.folder, "opensesame") == []


def test_a_slice_says_which_secrets_to_set_and_which_cell_was_not_kept(shell, project):
    shell.run_cell("api_key = 'sesame-open-7'", store_history=True)
    shell.run_cell("# mlops: skip\nlimit = 3", store_history=True)
    shell.run_cell("answer = (api_key, limit)", store_history=True)
    told = slice_of(project, "var:answer").uncheckable
    assert [text for text in told if "cell [1]" in text or "cell [2]" in text] == [
        "cell [2] asks not to be kept (# mlops: skip)",
        "cell [1] is kept without its secrets (api_key) - set them before you run it",
    ]


def test_a_notebook_whose_cells_have_secrets_is_not_taken_for_edited(shell, project, tmp_path):
    source = "api_key = 'sesame-open-7'"
    shell.run_cell(source, store_history=True, cell_id="aaaa")
    kept = project.content.text(project.store.value("SELECT source FROM execution"))
    assert kept != source
    assert cells.is_as_kept(source, kept)
    assert not cells.is_as_kept("api_key = 'sesame-open-7'; more = 1", kept)


def test_a_secret_at_the_end_of_what_is_kept_of_an_output_is_not_cut_in_half(shell, project):
    secret = corpus.shaped()["openai project"]
    for shift in (20, 80, 150):
        shell.run_cell(
            f"print('x' * {cells.TEXT_LIMIT - shift} + ' ' + {secret!r} + ' ' * 100_000)", store_history=True
        )
    rows = project.store.rows("SELECT content FROM output WHERE truncated = 1")
    assert len(rows) == 3
    for row in rows:
        text = project.content.text(row[0])
        assert secret[:12] not in text
        assert cells.TEXT_LIMIT - 200 < len(text) <= cells.TEXT_LIMIT


def test_no_secret_of_an_uncommitted_change_reaches_the_store(start_kernel, recorded, workspace):
    secret = corpus.shaped()["github personal"]
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    (workspace / "settings.py").write_bytes("name = 'é'\n".encode("latin-1"))
    for command in (["init", "-q"], ["add", "settings.py"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    (workspace / "settings.py").write_bytes(f"name = 'è'\nx = '{secret}'\n".encode("latin-1"))
    kernel = start_kernel()
    kernel.run("%load_ext mlops_nb")
    kernel.run("1")
    project = recorded(kernel)
    diff = project.content.get(project.store.value("SELECT git_diff FROM process WHERE git_diff IS NOT NULL"))
    assert b"+x = '[redacted:github-token]'" in diff
    assert "+name = 'è'".encode("latin-1") in diff
    assert places(workspace, secret) == []


def test_parameters_of_a_run_are_kept_without_secrets_and_keep_their_first_value(project):
    run = runs.active(project)
    runs.log_param(project, "db_password", "tr0ub4dor")
    runs.log_param(project, "db_password", "tr0ub4dor")
    runs.log_param(project, "connection", {"token": corpus.shaped()["jwt"], "depth": 3})
    (kept,) = [record for record in runs.runs(project) if record.id == runs.public_id(project, run)]
    assert kept.parameters == {
        "db_password": "[redacted:db_password]",
        "connection": {"token": "[redacted:token]", "depth": 3},
    }
    assert places(project.root, "tr0ub4dor") == []


def test_what_a_person_writes_into_a_decision_is_sealed_without_secrets(project):
    from sklearn.linear_model import LinearRegression

    secret = corpus.shaped()["hugging face"]
    register(project, LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]), "m", intent=f"with {secret}")
    promote(project, "m", 1, reason=f"{secret} works")
    assert fsck(project).problems == []
    assert places(project.root, secret) == []
    assert project.store.value("SELECT arguments FROM audit WHERE verb = 'promote'").count("[redacted:") == 1


def test_a_name_that_holds_a_secret_is_found_again(project):
    place = project.root / f"{corpus.shaped()['npm']}.txt"
    place.write_text("1")
    from mlops_nb.capture.artifacts import at_path, log_artifact

    artifact = log_artifact(project, str(place))
    assert artifact.name == "[redacted:npm-token].txt"
    assert at_path(project, place) is not None


# -- what a person keeps out himself --------------------------------------------------------------------------

SKIPPING = """# mlops: skip
from IPython.display import HTML, display
fig_leaf = 'figs' + '-and-leaves'
get_ipython().run_cell("inside = 'figs' + '-and-leaves'")
print('figs' + '-and-leaves')
display(HTML('figs' + '-and-leaves'))
raise ValueError('figs' + '-and-leaves')"""


def test_of_a_cell_that_asks_to_be_skipped_neither_source_nor_outputs_are_kept(start_kernel, recorded, executions):
    kernel = start_kernel()
    kernel.run("%load_ext mlops_nb")
    kernel.run(SKIPPING)
    kernel.run("# parameters\n# mlops: skip\ndepth = 1234567")
    kernel.run("%%time\n# mlops: skip\nx = 'figs' + '-and-leaves'")
    project = recorded(kernel)
    kernel.stop()
    recorded_cells = executions(project)
    assert [(cell.source, cell.status, cell.error) for cell in recorded_cells] == [
        (SKIPPED, "failed", "ValueError"), (SKIPPED, "ok", None), (SKIPPED, "ok", None)
    ]  # fmt: skip
    assert all(cell.started and cell.ended for cell in recorded_cells)
    assert project.store.value("SELECT count(*) FROM node WHERE name = 'fig_leaf'") == 1
    assert project.store.value("SELECT count(*) FROM output") == 0
    assert project.store.value("SELECT count(*) FROM parameter") == 0
    assert [places(kernel.folder, text) for text in ("figs", "-and-leaves", "1234567", "inside =")] == [[], [], [], []]


@pytest.mark.parametrize(
    "source", ["x = 1\n# mlops: skip", "print('# mlops: skip')", "x = 1  # mlops: skip", "# mlops: skipping"]
)
def test_only_a_comment_above_the_code_skips_a_cell(shell, project, executions, source):
    shell.run_cell(source, store_history=True)
    assert executions(project)[0].source == source


@pytest.mark.parametrize(
    "source", ["# mlops: skip", "\n  #mlops:skip\nx = 1", "# a note\n# mlops: skip (private)\nx = 1"]
)
def test_a_comment_above_the_code_skips_a_cell(shell, project, executions, source):
    shell.run_cell(source, store_history=True)
    assert executions(project)[0].source == SKIPPED
    assert cells.skips(executions(project)[0].source)


def test_nothing_of_the_cells_between_off_and_on_reaches_the_store(start_kernel, recorded, executions):
    kernel = start_kernel()
    kernel.run("%load_ext mlops_nb")
    kernel.run("%mlops off")
    kernel.run("plum = 'plums' + '-in-syrup'\nprint(plum)\nplum")
    kernel.run("open('plums.csv', 'w').write('plums-in-syrup')")
    kernel.run("raise ValueError('plums-in-syrup')")
    kernel.run("# parameters\nplum_size = 'plums-in-syrup'")
    kernel.run("%mlops on")
    kernel.run("after = 1")
    project = recorded(kernel)
    kernel.stop()
    assert [cell.source for cell in executions(project)] == ["%mlops off", "after = 1"]
    assert (places(kernel.folder, "plum"), places(kernel.folder, "syrup")) == ([], [])
