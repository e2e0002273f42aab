"""Rare categories: the chi-square test is not valid on them one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlops_nb.monitoring.drift import compare


def test_many_rare_categories_raise_no_more_false_alarms_than_alpha():
    random = np.random.default_rng(5)
    shares = random.dirichlet(np.full(60, 0.3))
    alarms = 0
    for _ in range(300):
        reference, current = (random.choice(60, size, p=shares).astype(str) for size in (2000, 40))
        (column,) = compare(pd.DataFrame({"c": reference}), pd.DataFrame({"c": current}), alpha=0.05, effect=0.0)
        alarms += column.drifted
    assert alarms / 300 <= 0.08


def test_a_shift_among_common_categories_is_found_beside_rare_ones():
    rare = [f"rare {number}" for number in range(30)]
    reference = pd.DataFrame({"c": ["a"] * 500 + ["b"] * 500 + rare})
    current = pd.DataFrame({"c": ["a"] * 200 + ["b"] * 800 + rare[:10]})
    (column,) = compare(reference, current)
    assert column.drifted
