"""Every verb there is: importing the modules of the nouns fills the table."""

from __future__ import annotations

from mlops_nb import demo, project, proof
from mlops_nb.autolog import fits
from mlops_nb.cache import checkpoints, switch
from mlops_nb.capture import artifacts, runs
from mlops_nb.comparison import differences
from mlops_nb.data import checks, crossings, datasets
from mlops_nb.lineage import asran, columns, details, graph, impact, slices
from mlops_nb.lineage.export import exports
from mlops_nb.monitoring import drift
from mlops_nb.pipelines import executor, pipelines
from mlops_nb.registry import aliases, gates, versions
from mlops_nb.reproduction import reproduce
from mlops_nb.surfaces import panel
from mlops_nb.verbs import VERBS, Verb

NOUNS = (
    project, proof, runs, fits, artifacts, graph, columns, details, slices, impact, exports, datasets, crossings,
    checks, switch, checkpoints, asran, pipelines, executor, versions, gates, aliases, drift, reproduce, differences,
    panel, demo,
)  # fmt: skip


def verbs() -> dict[str, Verb]:
    """Return the verbs by name, in alphabetical order."""
    return dict(sorted(VERBS.items()))
