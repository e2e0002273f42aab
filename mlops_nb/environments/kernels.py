"""Kernels of built environments, as Jupyter finds them: a ``kernel.json`` in the environment, and one for the user."""

from __future__ import annotations

import json
from pathlib import Path

from mlops_nb.capture.environments import Environment

PLACE = Path("share", "jupyter")


def kernel_of(environment: Environment) -> str:
    """Return the name of the kernel that runs in an environment."""
    return f"mlops-{environment.hash[:12]}"


def put(folder: Path, environment: Environment, python: Path) -> None:
    """Write the kernel of a built environment into its folder.

    Args:
        folder: the environment, which need not stand in its place yet
        environment: what it is
        python: the interpreter, in the place where it will stand
    """
    place = folder / PLACE / "kernels" / kernel_of(environment)
    place.mkdir(parents=True, exist_ok=True)
    command = [str(python), "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    told = {
        "argv": command, "display_name": f"Python {environment.version} (mlops {environment.hash[:8]})",
        "language": "python", "metadata": {"debugger": True, "mlops_nb": {"environment": environment.hash}},
    }  # fmt: skip
    (place / "kernel.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def register(folder: Path, environment: Environment) -> str:
    """Tell the user's Jupyter of the kernel in a built environment, and return its name."""
    from jupyter_client.kernelspec import KernelSpecManager

    name = kernel_of(environment)
    KernelSpecManager().install_kernel_spec(str(folder / PLACE / "kernels" / name), name, user=True)
    return name
