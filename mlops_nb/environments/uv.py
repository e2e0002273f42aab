"""uv, which resolves, downloads and installs: one program for the three, that is quick where its cache is warm."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from mlops_nb.errors import NotInstallable

#: What would have uv act on another environment, or find another Python, than it is told.
FOREIGN = ("VIRTUAL_ENV", "CONDA_PREFIX", "UV_PYTHON", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_SYSTEM_PYTHON",
           "UV_CONSTRAINT", "UV_OVERRIDE", "UV_TARGET", "UV_PREFIX", "PYTHONPATH", "PYTHONHOME")  # fmt: skip
#: What it warns of that is as it should be.
USUAL = ("No dependencies found", "The requested Python version")


def find() -> str:
    """Return the path of uv.

    Raises:
        NotInstallable: it is not there.
    """
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise NotInstallable("uv is not here, which locks and builds environments - type: pip install uv")
    return found


def run(*arguments: str | Path, folder: Path, text: str | None = None) -> list[str]:
    """Run uv in a folder, from its cache alone where that is enough, and return what it warns of.

    Args:
        arguments: the command and its options
        folder: where it runs: the settings for uv that lie at or above it hold
        text: what it reads from standard input

    Raises:
        NotInstallable: it failed; the message is its own.
    """
    command = [find(), "--color", "never", "--no-progress", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    done = None
    for offline in (["--offline"], []):
        done = subprocess.run(
            [*command, *offline], cwd=folder, input=text, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return [line for line in re.findall(r"(?m)^warning: (.+)$", done.stderr) if not line.startswith(USUAL)]
    assert done is not None
    raise NotInstallable(_sentence(done.stderr))


def _sentence(told: str) -> str:
    """Return what uv tells in many lines as one."""
    lines = (re.sub(r"^(?:error|cause|hint|×|╰─▶|├─▶|│)[: ]*", "", line.strip()) for line in told.splitlines())
    return "; ".join(dict.fromkeys(line.rstrip(".") for line in lines if line and not line.startswith("warning:")))
