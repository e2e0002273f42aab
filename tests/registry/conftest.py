"""Small fitted models and projects with criteria."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_nb.project import Project

RNG = np.random.default_rng(3)
X = pd.DataFrame({"a": RNG.normal(size=80), "b": RNG.normal(size=80), "c": RNG.choice(["x", "y", "z"], 80)})
Y = (X["a"] + (X["c"] == "x") > 0).astype(int)


@pytest.fixture(scope="session")
def model() -> LogisticRegression:
    """A model that is good for nothing."""
    return LogisticRegression().fit(X[["a", "b"]], Y)


@pytest.fixture
def judged(project: Project) -> Project:
    """A project whose charter has criteria."""
    Path("mlops.toml").write_text('[charter.criteria]\nauc = ">= 0.8"\nbrier = "<= 0.2"\n')
    return project
