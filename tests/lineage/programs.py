"""Random programs of pandas, and what they show to depend on what when one column of the input is changed."""

from __future__ import annotations

import random
import re
from typing import Any

import numpy as np
import pandas as pd

from mlops_nb.lineage.tracing.kinds import INDEX, WHOLE, as_text

NUMBERS = ("a", "b", "c")


def frames(random_: random.Random) -> dict[str, pd.DataFrame]:
    """Return two tables of small numbers and repeated keys."""
    n = 9
    df = pd.DataFrame({name: [random_.choice([1.0, 2, 3, 5, 8, np.nan]) for _ in range(n)] for name in NUMBERS})
    df["k"] = [random_.choice("xyz") for _ in range(n)]
    df["g"] = [random_.randrange(3) for _ in range(n)]
    other = pd.DataFrame({"k": list("xyzw"), "z": [random_.random() for _ in range(4)], "a": [1.0, 2, 3, 4]})
    return {"df": df, "other": other}


def perturbed(tables: dict[str, pd.DataFrame], table: str, column: str, random_: random.Random) -> dict[str, Any]:
    """Return the tables with one column changed."""
    changed = {name: frame.copy() for name, frame in tables.items()}
    values = changed[table][column].tolist()
    if column == "k":
        values = random_.sample(values, len(values)) if table == "other" else [random_.choice("xyz") for _ in values]
    elif column == "g":
        values = [random_.randrange(3) for _ in values]
    else:
        values = [random_.choice([1.0, 2, 3, 5, 8, np.nan, value]) for value in values]
    changed[table][column] = values
    return changed


#: Each makes NAME from the table T; C, D are columns of numbers in it, K one to group by.
TABLES = [
    "T[[C, D]]", "T[[C, 'k']]", "T[T.C > 2]", "T[(T[C] > 1) & (T.D < 6)]", "T.head(4)", "T.sort_values(C)",
    "T.sort_values([K, C], ascending=False)", "T.dropna()", "T.dropna(subset=[C])", "T.drop_duplicates(K)",
    "T.assign(n=T[C] * 2)", "T.assign(n=lambda d: d[C] + d.D, m=1)", "T.drop(columns=C)", "T.drop([C], axis=1)",
    "T.rename(columns={'C': 'D2'})", "T.groupby(K).agg(m=(C, 'mean'), s=(D, 'sum')).reset_index()",
    "T.groupby(K)[[C, D]].mean()", "T.groupby(K, as_index=False)[C].sum()", "T.groupby([K, 'g'])[C].max().reset_index()",
    "T.groupby(K).agg({C: 'mean', D: ['min', 'max']})", "T.groupby(K).mean(numeric_only=True)",
    "T.merge(other, on='k', how='left')", "T.merge(other, on='k')", "other.merge(T, on='k', how='right')",
    "pd.merge(T, other[['k', 'z']], on='k')", "T.join(other.set_index('k'), on='k', rsuffix='_r')",
    "pd.concat([T, T.head(2)])", "pd.concat([T[[C]], T[[K]]], axis=1)", "pd.concat([T[C], other['z']], axis=1)",
    "T.melt(id_vars=[K], value_vars=[C, D])", "T.pivot_table(index=K, columns='g', values=C)",
    "T.pivot_table(index=K, values=C, aggfunc='sum')", "pd.get_dummies(T, columns=[K])", "T.query('C > 1 and D < 8')",
    "T.query('C > @limit')", "T.eval('n = C + D')", "T.fillna(0)", "T.fillna({'C': 0})", "T[[C, D]].fillna(T[D].mean())",
    "T[[C, D]] - T[[C, D]].mean()", "T[[C, D]] * 2 + 1", "T.loc[:, [C, D]]", "T.loc[T[C] > 1, [D, K]]", "T.iloc[:, :2]",
    "T.iloc[1:5]", "T.set_index(K)", "T.set_index(K).sort_index().reset_index()", "T.reset_index(drop=True)",
    "T.astype({'C': 'str'})", "T[[C, D]].rolling(2).mean()", "T[[C, D]].shift(1)", "T[[C, D]].cumsum()",
    "T[[C, D]].rank()", "T.where(T[C] > 1)", "T[[C, D]].clip(1, 3)", "T.nlargest(3, C)", "T.select_dtypes('number')",
    "T.describe()", "T[[C, D]].corr()", "T[[C, D]].T", "T.groupby(K).apply(lambda d: d[[C]].sum())",
    "T.groupby(K).head(1)", "T.sample(3, random_state=1)", "T.explode(C)", "T.filter(items=[C, K])", "T.add_prefix('p_')",
    "T.pipe(lambda d: d[d[C] > 1])", "T.pipe(tidy)", "tidy(T)", "T[[c for c in T.columns if c != C]]",
    "pd.DataFrame({'u': T[C], 'v': T[D] + 1})", "pd.DataFrame({'u': T[C].to_numpy(), 'v': 1})", "T.copy()", "T",
    "T.stack().reset_index()", "pd.crosstab(T[K], T['g'])", "T.assign(**{'n': T[C]})", "T.mask(T.isna(), 0)",
    "T.groupby(K)[[C]].transform('mean')", "T.agg(['mean', 'max'], numeric_only=True)", "T.value_counts().reset_index()",
    "T if T[C].sum() > 12 else T[T[C] > 1]", "pd.concat({n: d[[C]].sum() for n, d in T.groupby(K)}, axis=1)",
    "pd.DataFrame([{'s': d[C].sum(), 'n': n} for n, d in T.groupby(K)])", "T.reindex([0, 2, 4])", "T.replace(1, 7)",
]  # fmt: skip
COLUMNS = [
    "T[C]", "T.C", "T[C] + T[D]", "T[C].fillna(T[D])", "T.apply(lambda r: r[C] + r.D, axis=1)", "T[C].apply(lambda v: v + 1)",
    "T[K].map({'x': 1, 'y': 2})", "T[K].map(other.set_index('k')['z'])", "T[K].str.upper()", "np.log(T[C])",
    "pd.Series(np.where(T[C] > 2, T[D], 0))", "T.groupby(K)[C].transform('mean')", "T[C].rolling(2).sum()", "T.iloc[:, 0]",
    "T[C] > T[D].mean()", "T[[C, D]].sum(axis=1)", "T[C].value_counts()", "T[C].rank()", "pd.cut(T[C], [0, 2, 9])",
    "T.eval('C * D')", "T.groupby(K)[C].mean()", "T.groupby(K).size()", "T[C].where(T[D] > 1, 0)", "T.C.isin(other['a'])",
    "T.mean(numeric_only=True)", "T[C].sort_values()", "T[C].dropna()", "T[C].astype(str) + T[K]", "T.loc[T[D] > 1, C]",
    "T[C] + other['z']", "T.isna().sum()", "pd.to_numeric(T[C])", "T[C].shift(1).fillna(0)", "T[C].clip(upper=T[D].max())",
    "T.apply(row, axis=1)", "T.set_index(K)[C]", "T.set_index(K)[C] + other.set_index('k')['z']", "T[K] + '!'",
    "T.idxmax(numeric_only=True)", "pd.concat([T[C], T[D]])", "T[C].cumsum()", "T[C].sample(4, random_state=2)",
]  # fmt: skip
SCALARS = [
    "T[C].mean()", "len(T)", "T[C].max() - T[D].min()", "float(T[C].sum())", "T[C].to_numpy()", "T[[C, D]].values.sum()",
    "T[K].nunique()", "T.shape[0]", "T[C].iloc[0]", "T.loc[T[C].idxmax(), D]", "list(T.columns)", "T[K].unique().tolist()",
    "{'m': T[C].mean()}", "[T[C].sum(), T[D].sum()]", "sum(v for v in T[C] if v > 1)", "T[C].corr(T[D])", "T.at[0, C]",
    "np.nanmean(T[C])", "[d[C].sum() for _, d in T.groupby(K)]", "(T[C] > 2).any()",
]  # fmt: skip
CHANGES = [
    "T['n'] = T[C] + 1", "T['n'] = 0", "T[C] = T[C].fillna(T[D])", "T.loc[T[C] > 2, 'n'] = T[D]", "T.loc[T[C] > 2, C] = 0",
    "T['n'] = np.where(T[C] > 2, T[D], 1)", "T[C] += T[D]", "T.insert(0, 'n', T[C])", "T['n'] = T.pop(C)", "del T[C]",
    "T.drop(columns=C, inplace=True)", "T.rename(columns={'C': 'q'}, inplace=True)", "T.fillna(0, inplace=True)",
    "T.sort_values(C, inplace=True)", "T['n'] = T.groupby(K)[C].transform('sum')", "T[[C, D]] = T[[D, C]]",
    "T['n'] = other['z']", "T['n'] = T[K].map(other.set_index('k')['z'])", "T.dropna(subset=[C], inplace=True)",
    "T[T[[C, D]] > 3] = 0", "T['n'] = [1] * len(T)", "T['n'] = limit", "T.columns = [x.upper() for x in T.columns]",
    "T.reset_index(drop=True, inplace=True)", "T.iloc[0, 0] = T[D].sum()", "T.at[0, C] = T[D].max()", "T.loc[:, C] = T[D]",
    "for n_ in [C, D]:\n    T[n_] = T[n_] * 2", "for n_ in T.columns:\n    T[n_] = T[n_].shift(1)",
    "if T[C].sum() > 12:\n    T['n'] = T[D]\nelse:\n    T['n'] = 1", "try:\n    T['n'] = T[C] / 0\nexcept Exception:\n    pass",
    "view_ = T\nview_['n'] = other['z']", "for i_, r_ in T.iterrows():\n    T.loc[i_, 'n'] = r_[C]", "spoil(T)", "T.C = T.D",
    "both_ = [T]\nboth_[0]['n'] = other['z']", "def inner_(d):\n    d['n'] = d[C]\ninner_(T)", "T.index = T[C]",
    "while len(T.columns) < 7:\n    T[f'w{len(T.columns)}'] = T[C]", "with pd.option_context('display.width', 9):\n    T['n'] = T[C]",
    "T.update(other[['a']])", "T['n'] = T.index", "T = T.assign(n=1) if T[C].max() > 3 else T", "box_ = {'t': T}\nbox_['t'][C] = 0",
    "T[C], T[D] = T[D], T[C]", "T.at[0, 'n'] = limit", "limit = T[C].mean()", "tidy = lambda d: d[d['a'] > limit]",
]  # fmt: skip
PREPARED = """
def tidy(d):
    d = d.copy()
    d['t'] = d[d.columns[0]]
    if d['t'].isna().all():
        return d.head(1)
    return d

def row(r):
    if r.iloc[0] == 1:
        return 0
    return r.iloc[1]

def spoil(d):
    d['n'] = d[d.columns[1]]
"""


def program(random_: random.Random, cells: int) -> tuple[list[str], Any]:
    """Return a random program, as cells that run, and the tables that it starts from."""
    tables = frames(random_)
    namespace = _start(tables)
    source: list[str] = []
    names = ["df"]
    for number in range(cells):
        for _ in range(40):
            template, name = _template(random_, number)
            table = random_.choice(names)
            code = _filled(random_, template, table, namespace)
            trial = {
                key: value.copy() if isinstance(value, pd.DataFrame) else value for key, value in namespace.items()
            }
            alias = {id(value): key for key, value in namespace.items() if isinstance(value, pd.DataFrame)}
            for key, value in namespace.items():  # names of one object stay that
                if id(value) in alias:
                    trial[key] = trial[alias[id(value)]]
            code = f"{name} = {code}" if name else code
            try:
                exec(code, trial)
            except Exception:
                continue
            if name and isinstance(trial[name], pd.DataFrame) and trial[name].shape[1]:
                names.append(name)
            namespace = trial
            source.append(code)
            break
    return _merged(random_, source), tables


def _template(random_: random.Random, number: int) -> tuple[str, str | None]:
    kind = random_.choice("tttccsxxx")
    if kind == "x":
        return random_.choice(CHANGES), None
    return random_.choice({"t": TABLES, "c": COLUMNS, "s": SCALARS}[kind]), f"v{number}"


def _filled(random_: random.Random, template: str, table: str, namespace: dict[str, Any]) -> str:
    labels = [label for label in namespace[table].columns if isinstance(label, str) and label.isidentifier()] or ["a"]
    numbers = [label for label in labels if label not in ("k", "g")] or labels
    key = random_.choice([label for label in ("k", "g") if label in labels] or labels)
    chosen = {"C": random_.choice(numbers), "D": random_.choice(numbers), "K": key}
    text = ".query(" in template or ".eval(" in template

    def label(match: re.Match[str]) -> str:
        bare = text or template[match.start() - 1] in ".'"
        return chosen[match[0]] if bare else repr(chosen[match[0]])

    return re.sub(r"(?<!\.)\bT\b", table, re.sub(r"\b[CDK]\b", label, template))


def _merged(random_: random.Random, source: list[str]) -> list[str]:
    """Put some statements into one cell."""
    cells: list[str] = []
    for code in source:
        if cells and random_.random() < 0.35:
            cells[-1] += f"\n{code}"
        else:
            cells.append(code)
    return cells


def _start(tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    namespace: dict[str, Any] = {name: frame.copy() for name, frame in tables.items()}
    exec("import pandas as pd, numpy as np\nlimit = 2\n" + PREPARED, namespace)
    return namespace


def result(cells: list[str], tables: dict[str, pd.DataFrame]) -> dict[str, Any] | None:
    """Run a program in its own namespace and return its variables; None if it fails."""
    namespace = _start(tables)
    try:
        for code in cells:
            exec(code, namespace)
    except Exception:
        return None
    return namespace


def parts(value: Any) -> dict[str, Any] | None:
    """Return a value by the columns under which lineage knows it, each to be compared."""
    if isinstance(value, pd.DataFrame):
        labels = [as_text(label) for label in value.columns]
        if None in labels or len(set(labels)) < len(labels):
            return {"*": (value.to_string(), list(value.index))}
        found = {str(as_text(label)): value[label].tolist() for label in value.columns}
        return found | _index(value)
    if isinstance(value, pd.Series):
        return {WHOLE: value.tolist()} | _index(value)
    if isinstance(value, np.ndarray):
        return {WHOLE: value.tolist()}
    if isinstance(value, str | int | float | list | dict | np.generic):
        return {WHOLE: value}
    return None


def _index(value: Any) -> dict[str, Any]:
    return {INDEX: list(value.index)} | {
        str(n): list(value.index.get_level_values(n)) for n in value.index.names if n is not None
    }


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same, with one NaN."""
    return repr(one) == repr(other)


def differing(one: dict[str, Any], other: dict[str, Any], names: Any) -> list[tuple[str, str]]:
    """Return the columns of variables that are not the same in two namespaces."""
    found = []
    for name in names:
        before, after = parts(one.get(name)), parts(other.get(name))
        if before is not None and after is not None:
            found += [(name, label) for label in before if not (label in after and same(before[label], after[label]))]
    return found
