"""Two results agree on a rung of the ladder or they differ, and the words say what was forgiven or where they differ."""

from __future__ import annotations

import gzip
import io
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mlops_nb.ids import digest
from mlops_nb.project import Project
from mlops_nb.reproduction.matching import match
from mlops_nb.reproduction.results import Result
from mlops_nb.reproduction.rungs import Match

BEGAN = datetime(2026, 3, 1, 12).timestamp()


def bytes_of(write: Any) -> bytes:
    target = io.BytesIO()
    write(target)
    return target.getvalue()


@pytest.fixture
def compare(project: Project) -> Any:
    def compare(kind: str, name: str, then: bytes, now: bytes, rtol: float = 0.0) -> Match:
        sides = [
            Result(0, kind, name, digest(data), project, BEGAN, BEGAN + 1, lambda data=data: data)
            for data in (then, now)
        ]
        return match(*sides, rtol)

    return compare


TEXTS = {
    "an address": ("<a.B object at 0x7f1a64010ad0>", "<a.B object at 0x55aa00bb1122>", "addresses in memory"),
    "the clock": ("ran at 2026-03-01 12:00:01", "ran at 2026-03-01 12:00:09", "the clock"),
    "a duration": ("Wall time: 3 ms\n5", "Wall time: 8.1 s\n5", "durations"),
    "what %timeit says": (
        "75.7 ns ± 1.17 ns per loop (mean ± std. dev. of 7 runs, 10,000,000 loops each)\n",
        "The slowest run took 4.20 times longer than the fastest. This could mean that an intermediate result is being"
        " cached.\n1.2 μs ± 81.6 ms per loop (mean ± std. dev. of 7 runs, 1 loop each)\n",
        "durations",
    ),
    "the kernel": ("/tmp/ipykernel_1/2.py: Warning", "/tmp/ipykernel_9/2.py: Warning", "the number of the kernel's process"),
    "a style's identifier": ("#T_4af3d_row0", "#T_99aa0_row0", "identifiers"),
}  # fmt: skip


@pytest.mark.parametrize("what", TEXTS)
def test_what_means_nothing_in_a_text_is_forgiven_in_words(compare, what):
    then, now, forgiven = TEXTS[what]
    found = compare("text", "t", then.encode(), now.encode())
    assert found == Match("identical", "content", f"the same but for {forgiven}")


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("last flight 2013-01-01 12:00:00", "last flight 2013-01-01 13:00:00"),  # a moment that is data
        ("0.3", "0.30000000000000004"),
        ("mask 0x1f", "mask 0x2f"),
        ("id 0123456789abcdef", "id fedcba9876543210"),  # nothing of the store's has such an ID
    ],
)
def test_nothing_else_is(compare, then, now):
    assert compare("text", "t", then.encode(), now.encode()).verdict == "different"


def test_numbers_in_a_text_may_differ_as_far_as_is_declared(compare):
    near = compare("text", "t", b"loss 0.25 after 10", b"loss 0.2500001 after 10", 1e-5)
    assert (near.verdict, near.rung) == ("equivalent", "tolerance")
    assert compare("text", "t", b"loss 0.25", b"gain 0.2500001", 1e-5).verdict == "different"
    assert compare("text", "t", b"loss nan", b"loss 0.2500001", 1e-5).verdict == "different"


def test_a_text_says_in_which_line_it_differs_first(compare):
    found = compare("text", "t", b"a\nb\nc", b"a\nx\ny")
    assert found.detail == "line 2: 'b' became 'x'"


def test_metrics_are_compared_in_their_order(compare):
    assert compare("metric", "m", b"[0.5, null]", b"[0.5, 0.1]").detail == "nan became 0.1"
    assert compare("metric", "m", b"[0.5]", b"[0.5, 0.5]").detail == "logged 1 times, now 2 times"
    assert compare("metric", "m", b"[1.0]", b"[1.001]", 0.01).verdict == "equivalent"


FRAME = pd.DataFrame({"x": [1.0, 2.0, np.nan], "y": ["a", "b", "c"]})
TABLES = {
    "another value": (FRAME.assign(x=[1.0, 2.5, np.nan]), "differs: x in 1 rows"),
    "a gap filled": (FRAME.assign(x=[1.0, 2.0, 3.0]), "differs: x in 1 rows"),
    "another text": (FRAME.assign(y=["a", "b", "z"]), "differs: y in 1 rows"),
    "a row less": (FRAME.iloc[:2], "3 rows became 2"),
    "another column": (FRAME.rename(columns={"y": "z"}), "without y and with z"),
    "another order": (FRAME.iloc[[1, 0, 2]], "the same rows in another order; differs: x in 2 rows, y in 2 rows"),
}


@pytest.mark.parametrize("what", TABLES)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_says_in_which_columns_and_rows_it_differs(compare, what, suffix):
    other, detail = TABLES[what]
    sides = [
        bytes_of(lambda to, side=side: getattr(side.reset_index(drop=True), f"to_{suffix}")(to, index=False))
        for side in (FRAME, other)
    ]
    assert compare("file", f"t.{suffix}", *sides) == Match("different", None, detail)


def test_a_table_is_the_same_however_it_is_written(compare):
    sides = [bytes_of(lambda to, how=how: FRAME.to_parquet(to, compression=how)) for how in ("snappy", "gzip")]
    assert compare("file", "t.parquet", *sides) == Match("identical", "content", "the same but for how it is written")


def test_numbers_of_a_table_may_differ_as_far_as_is_declared(compare):
    sides = [bytes_of(lambda to, s=s: FRAME.assign(x=FRAME.x * s).to_parquet(to)) for s in (1, 1 + 1e-9)]
    assert compare("file", "t.parquet", *sides).verdict == "different"
    assert compare("file", "t.parquet", *sides, 1e-8).rung == "tolerance"


def test_arrays_are_compared_by_value_shape_and_type(compare):
    def saved(array: np.ndarray[Any, Any]) -> bytes:
        return bytes_of(lambda to: np.save(to, array))

    assert compare("file", "a.npy", saved(np.arange(4)), saved(np.arange(4) * 2)).detail == "3 of 4 values differ"
    assert compare("file", "a.npy", saved(np.arange(4)), saved(np.arange(5))).detail == "int64[4] became int64[5]"
    assert compare("file", "a.npy", saved(np.ones(2)), saved(np.ones(2) + 1e-12), 1e-9).rung == "tolerance"


def test_a_pickle_is_not_loaded(compare):
    bomb = b"cos\nsystem\n(S'touch ran'\ntR."
    assert compare("file", "m.pkl", bomb, bomb + b" ").verdict == "different"
    assert compare("file", "a.npy", bomb, bomb + b" ").detail == f"{len(bomb)} bytes became {len(bomb) + 1}"


def test_pictures_are_compared_by_their_pixels(compare):
    picture = Image.fromarray(np.zeros((10, 20, 3), np.uint8))
    other = picture.copy()
    other.putpixel((3, 3), (255, 0, 0))
    plain, packed, dotted, small = (
        bytes_of(lambda to, made=made, level=level: made.save(to, "png", compress_level=level))
        for made, level in ((picture, 0), (picture, 9), (other, 9), (picture.resize((5, 5)), 9))
    )
    assert compare("image", "p", plain, packed).rung == "content"
    assert compare("image", "p", plain, dotted).detail == "0.50% of the pixels differ"
    assert compare("image", "p", plain, small).detail == "20 × 10 pixels became 5 × 5"


def test_shapes_are_compared_without_their_names_and_date(compare):
    svg = '<svg><dc:date>{}</dc:date><path id="m{}" d="{}"/></svg>'
    then = svg.format("2026-01-01", "0123456789", "M0").encode()
    assert compare("image", "p", then, svg.format("2026-02-02", "abcdef0123", "M0").encode()).rung == "content"
    assert compare("image", "p", then, svg.format("2026-02-02", "abcdef0123", "M1").encode()).verdict == "different"


def test_json_and_compressed_files_are_compared_by_what_they_say(compare):
    assert compare("file", "a.json", b'{"a": 1, "b": 2}', b'{"b": 2, "a": 1}').rung == "content"
    assert compare("file", "a.json", b'{"a": 1}', b'{"a": 2}').detail == "line 2: '\"a\": 1' became '\"a\": 2'"
    packed = [gzip.compress(b"x", mtime=moment) for moment in (1, 2)]
    assert compare("file", "a.gz", *packed).detail == "the same but for its compression"
    assert compare("file", "a.gz", packed[0], gzip.compress(b"y")).detail == "other content"
