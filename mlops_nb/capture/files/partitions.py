"""Partitions: a folder of files that a cell used as one dataset is one thing, not hundreds.

Native code that lists a folder and then reads below it (a pyarrow dataset, a polars scan, duckdb with a pattern) read
the dataset; native code that makes a folder and then writes below it, or into ``key=value`` folders, wrote one. A loop
in Python over a folder's files is not that: it is so many files, and a folder that was listed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from mlops_nb.capture.files.hearing import Hearing
from mlops_nb.capture.files.places import DATABASES
from mlops_nb.capture.files.sightings import Sightings
from mlops_nb.capture.files.touches import Touch, Touches


def fold(touches: Touches, seen: Sightings, heard: Hearing, known: set[str]) -> set[str]:
    """Put files that were used as a dataset together; return the folders of the datasets, and add those listed."""
    root = heard.places.root
    above = {root, *_parents(root)}
    listed = seen.listed - heard.asked
    written = known.union(seen.made).difference(heard.made)
    datasets: dict[str, list[str]] = {}
    for path, touch in touches.items():
        if touch.via != "native" or touch.kind != "file" or path.endswith(DATABASES) or len(touch.ways) > 1:
            continue  # what a database opens its folder for is to make sure that a file is there
        parents = list(_parents(path))
        if "read" in touch.ways:
            heard.asked |= listed.intersection(parents)
        candidates = listed if "read" in touch.ways else written
        folders = [folder for folder in parents if folder in candidates] + _partitioned(path)
        folders = [folder for folder in folders if folder not in above]
        if folders:
            datasets.setdefault(min(folders, key=len), []).append(path)
    for folder, paths in datasets.items():
        members = [touches.pop(path) for path in paths]
        ways = set().union(*(member.ways for member in members))
        foreign = any(member.foreign for member in members)
        suffixes = tuple(sorted({os.path.splitext(path)[1].lower() for path in paths}))
        touches[folder] = Touch(ways, "directory", "native", foreign, suffixes=suffixes)
    return set(datasets)


def _parents(path: str) -> Iterable[str]:
    while (above := os.path.dirname(path)) != path:
        yield above
        path = above


def _partitioned(path: str) -> list[str]:
    """Return the folder above the first ``key=value`` folder of a path, if it has one."""
    parts = path.split("/")[:-1]
    first = next((position for position, part in enumerate(parts) if "=" in part), 0)
    return ["/".join(parts[:first])] if first > 1 else []
