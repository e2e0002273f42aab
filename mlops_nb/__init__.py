"""Machine-learning operations inside the notebook.

``%load_ext mlops_nb`` records every cell that runs from then on; everything else is a verb:

    import mlops_nb as mlops

    flights = mlops.dataset(frame, "flights")
    version = mlops.register(model, "late-flights", example=X.head(), intent="first try")

Importing this package costs a few milliseconds: each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlops_nb._version import __version__

#: Public name: where it lives. A verb is bound to the project at hand, so nobody passes one.
API = {
    "init": "project:init",
    "status": "project:status",
    "log": "project:log",
    "fsck": "proof:fsck",
    "gc": "proof:gc",
    "runs": "capture.runs:runs",
    "log_param": "capture.runs:log_param",
    "log_metric": "capture.runs:log_metric",
    "log_metrics": "capture.runs:log_metrics",
    "log_artifact": "capture.artifacts:log_artifact",
    "fits": "autolog.fits:fits",
    "candidates": "autolog.fits:candidates",
    "load_fit": "autolog.keeping:load_fit",
    "lineage": "lineage.graph:lineage",
    "show": "lineage.details:show",
    "columns": "lineage.columns:columns",
    "slice": "lineage.slices:slice",
    "at": "lineage.pasts:at",
    "checkpoint": "checkpoints.checkpoints:checkpoint",
    "restore": "checkpoints.checkpoints:restore",
    "checkpoints": "checkpoints.checkpoints:checkpoints",
    "impact": "lineage.impact:impact",
    "cache": "cache.switch:cache",
    "export": "lineage.export.exports:export",
    "dataset": "data.datasets:dataset",
    "load_dataset": "data.datasets:load_dataset",
    "datasets": "data.datasets:datasets",
    "tables": "data.crossings:tables",
    "check": "data.checks:check",
    "run": "pipelines.executor:run",
    "pipelines": "pipelines.pipelines:pipelines",
    "register": "registry.versions:register",
    "models": "registry.versions:models",
    "load_model": "registry.versions:load_model",
    "gate": "registry.gates:gate",
    "promote": "registry.aliases:promote",
    "drift": "monitoring.drift:drift",
    "reports": "monitoring.drift:reports",
    "reproduce": "reproduction.reproduce:reproduce",
    "diff": "comparison.differences:diff",
    "env_diff": "comparison.environments:env_diff",
    "env_export": "environments.containers:env_export",
    "env_lock": "environments.locks:env_lock",
    "env_restore": "environments.restored:env_restore",
    "bisect": "comparison.bisection:bisect",
    "ci": "ci.checks:ci",
    "panel": "surfaces.panel:panel",
}

__all__ = ["__version__", *API]


def __getattr__(name: str) -> Any:
    if name not in API:
        raise AttributeError(f"module 'mlops_nb' has no attribute {name!r}")
    module, _, attribute = API[name].partition(":")
    function = getattr(importlib.import_module(f"mlops_nb.{module}"), attribute)
    from mlops_nb.project import bound

    value = function if name == "init" else bound(function)
    globals()[name] = value
    return value


class _Package(ModuleType):
    """The package, on which a verb is not hidden by the subpackage of the same name (``lineage``)."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in API and isinstance(value, ModuleType)):  # what importing a subpackage would set
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """Attach capture and the ``%mlops`` magics: what ``%load_ext mlops_nb`` does."""
    from mlops_nb.surfaces import magics

    magics.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take capture and the magics away again: what ``%unload_ext mlops_nb`` does."""
    from mlops_nb.surfaces import magics

    magics.unload(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "mlops-nb"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "mlops_nb.surfaces.rest"}]


if TYPE_CHECKING:
    from mlops_nb.errors import MlopsError as MlopsError
