"""What scikit-learn does with columns: which features and which target a model learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_nb.lineage.tracing.kinds import FILTER, FREE, Deps, assumed, direct, influence, union
from mlops_nb.lineage.tracing.values import (
    Arguments,
    Column,
    Lost,
    Model,
    Rows,
    Several,
    Table,
    Value,
    Whole,
    joined,
)  # fmt: skip

if TYPE_CHECKING:
    from mlops_nb.lineage.tracing.expressions import Expressions

FITTING = frozenset({"fit", "partial_fit", "fit_transform", "fit_predict"})


def library(tracer: Expressions, path: str, given: Arguments) -> Value:
    """Follow a function or class of scikit-learn."""
    name = path.rpartition(".")[2]
    tracer.called_back(Whole(tracer.all_of(*given.all())), given)
    if name == "train_test_split":
        return _split(tracer, given)
    if name[:1].isupper() or name in ("make_pipeline", "make_column_transformer", "make_union"):
        parts = _parts(given.all())
        warm = "warm_start" in given.named or any(isinstance(part, Model) and part.warm for part in parts)
        return Model(direct(tracer.all_of(*given.all())), parts=parts, warm=warm)
    if name == "clone" and given.values and isinstance(given.values[0], Model):
        return Model(tracer.all_of(given.values[0]))
    if name.startswith(("load_", "fetch_", "make_")):
        return Whole(tracer.all_of(*given.all()))
    return Whole(direct(tracer.all_of(*given.all())))  # a metric, a cross-validation: of clones


def _parts(values: list[Value]) -> list[Value]:
    """Return the models that are parts of another."""
    found: list[Value] = []
    for value in values:
        if isinstance(value, Model):
            found.append(value)
        elif isinstance(value, Several):
            found += _parts(value.items)
    return found


def _split(tracer: Expressions, given: Arguments) -> Value:
    """Follow ``train_test_split``: rows by chance, or as ``stratify`` says."""
    by = influence(tracer.all_of(*given.named.values()), FILTER)
    found: list[Value] = []
    if given.spread:
        return tracer.guessed(*given.all())
    for value in given.values:
        for _ in range(2):
            if isinstance(value, Table | Column):
                found.append(value.influenced(by, FILTER))
            else:
                found.append(Whole(direct(tracer.all_of(value)) | by))
    for half in (found[::2], found[1::2]):  # the halves of aligned tables are aligned
        shared: dict[int, Rows] = {}
        for value, part in zip(given.values, half, strict=True):
            if isinstance(value, Table | Column) and isinstance(part, Table | Column):
                part.rows = shared.setdefault(id(value.rows), part.rows)
    return Several(found, tuple)


def call(tracer: Expressions, model: Model, name: str, given: Arguments) -> Value:
    """Follow a method of a model."""
    tracer.called_back(Whole(tracer.all_of(*given.all())), given)
    if name in FITTING:
        tracer.mutated = True
        _fit(tracer, model, name, given)
        if name in ("fit", "partial_fit"):
            return model
        return Whole(direct(tracer.all_of(model)))
    if name in ("set_params", "set_output"):
        tracer.mutate(model, *given.all())
        return model
    data = given.get(0, "X")
    found = direct(tracer.all_of(model) | union(_content(tracer, value) for value in given.all()))
    if name in ("transform", "inverse_transform") and isinstance(data, Table):
        return Whole(assumed(found))
    return Whole(found)


def _fit(tracer: Expressions, model: Model, name: str, given: Arguments) -> None:
    """Let a model learn from its features and target; the parts of a pipeline learn with it."""
    if given.spread:
        raise Lost
    data = given.get(0, "X")
    features = _features(data)
    others = [value for value in given.all() if not (features and value is data)]
    learned = direct(union(_content(tracer, value) for value in others)) | union(tracer.conditions)
    for part in (model, *_all_parts(model)):
        again = name == "partial_fit" or tracer.weak > 0 or part.warm
        part.deps = learned | (part.deps if again else FREE)
        part.features = joined(part.features, features) if again else features
        if part.source:
            tracer.fitted.add(id(part))


def _content(tracer: Expressions, value: Value) -> Deps:
    """Return what the cells of a table come from: the labels of rows do not matter to a model."""
    match value:
        case Table(rest=None):
            return union((*value.columns.values(), *value.prefixes.values()))
        case Column():
            return value.deps
    return tracer.all_of(value)


def _features(data: Value | None) -> dict[str, Deps]:
    match data:
        case Table(rest=None) if not data.prefixes:
            return dict(data.columns)
        case Column() if data.name:
            return {data.name: data.deps}
    return {}


def _all_parts(model: Model) -> list[Model]:
    found = []
    for part in model.parts:
        if isinstance(part, Model):
            found += [part, *_all_parts(part)]
    return found
