"""Names outside of the machine: no folder of the user in them, and the same thing by the same name."""

import re

import pytest

from mlops_nb.capture import artifacts
from mlops_nb.lineage.export.names import Names, place_of


def test_a_file_outside_of_the_project_is_named_without_its_folder():
    assert place_of("data/raw.csv") == "data/raw.csv"
    assert re.fullmatch(r"outside/[0-9a-f]{8}/raw\.csv", place_of("/home/me/raw.csv"))
    assert place_of("/home/me/raw.csv") != place_of("/home/you/raw.csv")


@pytest.mark.parametrize(
    "text",
    ["{0}", "open('{0}/x.csv')", "\x1b[33m{0}/x", "file://{0}/x", "a {0}, b", "in {0}.", "first\n{0}"],
)
def test_the_places_of_the_user_are_taken_out_of_text(project, text):
    for place, alias in ((project.root, "."), (project.root.home(), "~")):
        assert Names(project).plain(text.format(place)) == text.format(alias)


def test_text_that_only_looks_like_a_place_stays(project):
    for text in (f"x{project.root}", f"{project.root}2", f"https://host.example{project.root}.html"):
        assert Names(project).plain(text) == text


def test_a_file_outside_has_one_name_in_text_and_as_a_file(project, tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "raw.csv"
    with project.store.write():
        artifacts.observe_file(project, path, "0" * 64, 1)
    assert Names(project).plain(f"read('{path}')") == f"read('{place_of(str(path))}')"


def test_json_is_made_plain_at_every_depth(project):
    names = Names(project)
    assert names.plain_json({"a": [f"{project.root}/x", 1, None]}) == {"a": ["./x", 1, None]}


def test_the_namespace_is_the_folder_or_what_the_project_says(project):
    assert Names(project).project == project.root.name
    (project.root / "mlops.toml").write_text('[export]\nnamespace = "acme"\n')
    assert Names(project).project == "acme"


def test_a_notebook_outside_of_the_project_is_named_without_its_folder(project, tmp_path):
    from mlops_nb.capture.runs import start
    from mlops_nb.lineage.export.facts import read

    number = start(project, "notebook", "study", notebook="/home/me/secret/study.ipynb")
    assert re.fullmatch(r"outside/[0-9a-f]{8}/study\.ipynb", read(project, Names(project), number).record.notebook)


def test_secrets_are_taken_out_of_text_and_of_values_by_their_names(project):
    names, token = Names(project), "ghp_" + "a1B2c3D4e5" * 4
    assert names.plain(f"{project.root}/x {token}") == "./x [redacted:github-token]"
    assert names.plain_json({token: [token]}) == {"[redacted:github-token]": ["[redacted:github-token]"]}
    assert names.plain_values({"db_password": "a-long-phrase-9", "depth": 2}) == {
        "db_password": "[redacted:db_password]", "depth": 2,
    }  # fmt: skip


def test_the_bytes_of_images_are_no_text(project):
    picture = {"image/png": "ghp_" + "a1B2c3D4e5" * 4}
    assert Names(project).plain_json(picture) == picture
