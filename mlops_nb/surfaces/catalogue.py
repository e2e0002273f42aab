"""Every verb there is: importing the modules of the nouns fills the table."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_nb import demo, project, proof
from mlops_nb.autolog import fits
from mlops_nb.cache import switch
from mlops_nb.capture import artifacts, runs
from mlops_nb.checkpoints import checkpoints
from mlops_nb.ci import checks as integration
from mlops_nb.comparison import bisection, differences
from mlops_nb.data import checks, crossings, datasets
from mlops_nb.environments import containers, locks, restored
from mlops_nb.lineage import columns, details, graph, impact, pasts, slices
from mlops_nb.lineage.export import exports
from mlops_nb.monitoring import drift
from mlops_nb.pipelines import executor, pipelines
from mlops_nb.registry import aliases, gates, versions
from mlops_nb.reproduction import reproduce
from mlops_nb.surfaces import panel
from mlops_nb.verbs import VERBS, Verb

NOUNS = (
    project, proof, runs, fits, artifacts, graph, columns, details, slices, pasts, impact, exports, checkpoints, switch,
    datasets, crossings, checks, pipelines, executor, versions, gates, aliases, drift, reproduce, differences,
    bisection, integration, locks, restored, containers, panel, demo,
)  # fmt: skip


def verbs() -> dict[str, Verb]:
    """Return the verbs by name, in alphabetical order."""
    return dict(sorted(VERBS.items()))


def split(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the verb that some words begin with, of one word or two, and the others; of no verb, the first word."""
    name = " ".join(words[:2])
    return (name, list(words[2:])) if name in VERBS else (words[0], list(words[1:]))
