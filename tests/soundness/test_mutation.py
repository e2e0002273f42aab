"""Whatever changes an object in place makes a new version of every name that reaches it, and looking makes none."""

import ast
import itertools
import os
import re
import types
from functools import cache

import pytest

from tests.soundness.mutators import CONTAINERS, KINDS, SETUP, WAYS
from tests.soundness.notebook import Cell, Notebook

ATOMS = (int, float, complex, str, bytes, bool, type(None), type(...), types.BuiltinFunctionType, types.ModuleType)
FALSE_POSITIVES = 0.05
#: Kinds of which nobody can tell whether they changed, so that whoever uses one counts as having changed it.
UNCHECKABLE = frozenset({
    "ctypes array", "generator", "generator expression", "csv reader", "context variable", "thread-local", "queue", "lock",
    "database in memory",
})  # fmt: skip
THOROUGH = "MLOPS_PROGRAMS" in os.environ  # every change through every name, which takes minutes


# -- the oracle -----------------------------------------------------------------------------------------------


def describe(value, seen, probes):
    """Tell the whole state of an object as text: what a deep copy would hold, and what it could not."""
    kind = type(value)
    if kind in ATOMS and kind not in probes:
        return f"{kind.__name__}:{value!r}"
    if id(value) not in seen:
        seen[id(value)] = ("(itself)", value)  # kept alive, so that no other object gets its ID
        parts = [probes[kind](value)] if kind in probes else _parts(value)
        seen[id(value)] = (f"{kind.__name__}({', '.join(describe(part, seen, probes) for part in parts)})", value)
    return seen[id(value)][0]


def _parts(value):
    """Return what an object consists of."""
    kind = type(value)
    if kind in (list, tuple):
        return value
    if kind is dict:
        return [item for pair in value.items() if pair[0] != "_cache" for item in pair]  # of pandas' types
    if kind is types.FunctionType:
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return [value.__code__.co_code, value.__defaults__, value.__kwdefaults__, vars(value), value.__doc__, *cells]
    if kind is types.MethodType:
        return [value.__func__, value.__self__]
    if issubclass(kind, type):
        own = {name: item for name, item in vars(value).items() if type(item) is not types.GetSetDescriptorType}
        return [value.__qualname__, own if value.__module__ == "__main__" else None]
    if hasattr(kind, "__next__"):
        return [item for item, _ in zip(value, range(9), strict=False)]
    with_caches = kind.__module__.partition(".")[0] == "pandas"
    attributes = {} if with_caches or not kind.__dictoffset__ else dict(object.__getattribute__(value, "__dict__"))
    slots = {name: getattr(value, name, None) for name in vars(kind).get("__slots__", ())}
    return [kind.__qualname__, attributes, slots, *_reduced(value)]


def _reduced(value):
    """Return what pickle would keep of an object."""
    try:
        _, arguments, *rest = value.__reduce_ex__(4)
    except Exception:
        return []
    own = [argument for argument in arguments if argument is not type(value)]
    return [*own, *(list(part) if hasattr(part, "__next__") else part for part in rest)]


def states(sources, probe):
    """Run cells in a fresh namespace and tell the state of each name."""
    module = types.ModuleType("__main__")
    for source in sources:
        exec(source, vars(module))
    probes = {type(module.x): lambda value: eval(probe, {**vars(module), "it": value})} if probe else {}
    seen = {}
    return {name: describe(vars(module)[name], seen, probes) for name in ("x", "other", *sorted(bound_by(CONTAINERS)))}


def bound_by(source):
    """Return the names that a source binds at its top level."""
    found, waiting = set(), list(ast.parse(source).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            found.add(node.id)
        else:
            waiting += ast.iter_child_nodes(node)
    return found


# -- the sessions ---------------------------------------------------------------------------------------------


def reached(statement, way):
    """Write a statement about ``it`` for an object that is reached in some way."""
    rebinds = re.match(r"it\b *([-+*|&]|//)?= ", statement)
    if rebinds and way not in ("x", "alias"):
        return f"def apply(it):\n    {statement}\napply({way})"
    return re.sub(r"\bit\b", way, statement)


def trials(kind, statements, ways):
    """Return the cells that try each statement in some ways, other ones than the last, and the indexes of the trials."""
    cells, tried, turn = [SETUP], {}, itertools.cycle(WAYS)
    for statement in statements:
        for way in itertools.islice(turn, ways):
            source = reached(statement, way)
            cells += [f"x = {kind.made}\nother = {kind.made}", CONTAINERS, source]
            tried[source] = len(cells) - 1
    return cells, tried


class Tried:
    """The statements of a kind tried under capture: which names each changed, and which got a new version."""

    def __init__(self, server, kind, statements, ways):
        cells, tried = trials(kind, statements, ways)
        session = server.observe(Notebook([Cell(source, f"cell-{n}") for n, source in enumerate(cells)]))
        assert not session.trouble, session.trouble
        assert not [shown for shown in session.shown if shown and "Error>" in shown], session.shown
        begin = [SETUP, f"x = {kind.made}\nother = {kind.made}", CONTAINERS]
        before = states(begin, kind.probe)
        self.results = []
        for source, index in tried.items():
            after = states([*begin, source], kind.probe)
            changed = {name for name in before if before[name] != after[name]}
            self.results.append((source, changed, set(session.wrote[index]) - (bound_by(source) - changed)))


@pytest.fixture(scope="module")
def changing(server):
    """The mutators of a kind, tried once."""
    return cache(lambda name: Tried(server, KINDS[name], KINDS[name].mutators, ways=len(WAYS) if THOROUGH else 1))


@pytest.fixture(scope="module")
def looking(server):
    """The readers of a kind, tried once."""
    return cache(lambda name: Tried(server, KINDS[name], KINDS[name].readers, ways=1))


# -- the oracle is one ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_the_oracle_tells_changing_from_looking_at(name):
    kind = KINDS[name]
    begin = [SETUP, f"x = {kind.made}\nother = {kind.made}", CONTAINERS]
    before = states(begin, kind.probe)
    assert states(begin, kind.probe) == before
    for statement in kind.mutators:
        after = states([*begin, reached(statement, "x")], kind.probe)
        assert after["x"] != before["x"], statement
        assert after["other"] == before["other"], statement
    for statement in kind.readers:
        assert states([*begin, reached(statement, "x")], kind.probe) == before, statement


# -- capture --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_every_change_is_seen_under_every_name_of(changing, name):
    missed = [(source, sorted(changed - seen)) for source, changed, seen in changing(name).results if changed - seen]
    assert missed == []


def test_few_cells_that_only_look_make_new_versions(looking, record_property):
    wrong, count = [], 0
    for name in KINDS.keys() - UNCHECKABLE:
        for source, changed, seen in looking(name).results:
            count += 1
            if seen - changed:
                wrong.append((name, source, sorted(seen - changed)))
    record_property("false positives", f"{len(wrong)} of {count}")
    assert len(wrong) <= FALSE_POSITIVES * count, wrong


def test_a_change_of_one_object_is_no_change_of_its_like(changing):
    results = [result for name in KINDS for result in changing(name).results]
    wrong = [(source, changed) for source, changed, seen in results if "other" in seen - changed]
    assert len(wrong) <= FALSE_POSITIVES * len(results), wrong
