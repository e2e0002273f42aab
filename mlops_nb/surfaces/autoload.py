"""The extension that kernels started by us load: as ``%load_ext mlops_nb``, without claiming that name.

IPython says so when an extension is loaded twice; a notebook that says ``%load_ext mlops_nb`` itself must look the
same whether it runs as a step or by hand. A replay under a seed is seeded here, before its first cell.
"""

from __future__ import annotations

import os
from typing import Any

from mlops_nb import load_ipython_extension as load


def load_ipython_extension(shell: Any) -> None:
    """Attach capture, and seed everything if the replay asks for it."""
    if os.environ.get("MLOPS_SEED"):
        from mlops_nb.reproduction import seeds  # seldom needed

        seeds.fix()
    load(shell)
