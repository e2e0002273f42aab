"""Checking: data against its contract, or what a notebook shows against what ran."""

from __future__ import annotations

from mlops_nb.data import quality
from mlops_nb.data.quality import Quality
from mlops_nb.errors import UsageError
from mlops_nb.lineage.judged import NotebookVerdict, verdict_of_notebook
from mlops_nb.lineage.verdicts import Verdict, verdict_of
from mlops_nb.project import Project
from mlops_nb.records import Json
from mlops_nb.verbs import Value, verb


@verb("check", records=True, held="contract")
def check(
    project: Project, what: Value, contract: str | None = None, *, live: dict[str, Json] | None = None
) -> Quality | Verdict | NotebookVerdict:
    """Check data against a contract, or a notebook or a value for hidden state: clean, stale, tainted or uncheckable.

    Args:
        what: a table or the name of a dataset, to be held against the contract; else a notebook, or a reference such as
            var:NAME, cell:N, models:/NAME@alias
        contract: the contract's name, as in [contract.NAME] of mlops.toml
        live: the source of each code cell of the notebook by ID, as an editor shows it now

    Raises:
        ContractViolation: the data breaks the contract; the verdict is recorded first.
        NotFound: mlops.toml has no such contract, or what is to be checked is not there.
        UsageError: the contract is not well formed, it is no table, or no contract was named for a table.
    """
    if contract is not None:
        return quality.hold(project, what, contract)
    if not isinstance(what, str):
        raise UsageError(
            f"a {type(what).__name__} is checked against a contract - name one, as in check(frame, 'flights');"
            " or give the name of a variable, as in check('var:x'), to check where its value comes from"
        )
    if what.endswith(".ipynb"):
        return verdict_of_notebook(project, what, None if live is None else {key: str(live[key]) for key in live})
    return verdict_of(project, what)
