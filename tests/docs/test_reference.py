"""The generated pages are those that the code would write now, and links lead somewhere."""

import re
from pathlib import Path

import pytest

from mlops_nb.surfaces import reference, typescript

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", sorted(reference.pages()))
def test_a_reference_page_says_what_the_code_says(page):
    written = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert written == reference.pages()[page], "run: python -m mlops_nb.surfaces.reference docs/reference"


def test_the_types_of_the_sidebar_are_those_of_the_records():
    written = (ROOT / "labextension" / "src" / "api.ts").read_text(encoding="utf-8")
    assert written == typescript.generate(), "run: python -m mlops_nb.surfaces.typescript > labextension/src/api.ts"


def test_every_link_in_the_docs_leads_to_a_file():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_labextension_has_the_version_of_the_package():
    import json

    from mlops_nb import __version__

    package = json.loads((ROOT / "labextension" / "package.json").read_text(encoding="utf-8"))
    assert package["version"] == __version__
