"""The tutorial does what it says: its blocks run in order in a real kernel."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_every_block_of_the_tutorial_runs_in_order(kernel):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "tutorial.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 10
    for block in blocks:
        outputs = kernel.run(block)
        errors = [output for output in outputs if output["output_type"] == "error"]
        assert not errors, f"{block}\n{errors}"
