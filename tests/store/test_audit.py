"""The audit chain: whoever changes, drops or reorders an entry is found out."""

import pytest

from mlops_nb.project import log
from mlops_nb.proof import fsck
from mlops_nb.store import audit
from mlops_nb.verbs import VERBS, verb


@pytest.fixture
def chain(project):
    for number in range(1, 5):
        with project.store.write() as store:
            audit.append(store, "ada", "promote", f"model {number}", {"version": number})
    return project


def tamper(project, sql):
    with project.store.write() as store:
        store.execute(sql)
    return fsck(project).problems


def test_an_untouched_chain_holds(chain):
    assert fsck(chain).problems == []


@pytest.mark.parametrize("column", ["actor", "verb", "subject", "arguments"])
def test_a_changed_entry_is_found(chain, column):
    problems = tamper(chain, f"UPDATE audit SET {column} = '{{}}' WHERE id = 2")
    assert [problem.startswith("audit entry 2 (") for problem in problems] == [True]
    assert problems[0].endswith("was changed after it was sealed")


def test_a_changed_time_is_found(chain):
    assert "audit entry 3" in tamper(chain, "UPDATE audit SET at = at + 0.001 WHERE id = 3")[0]


def test_a_changed_entry_with_a_fresh_seal_is_found_by_the_next_one(chain):
    row = chain.store.row("SELECT * FROM audit WHERE id = 2")
    seal = audit._seal(row["previous"], row["at"], "eve", row["verb"], row["subject"], row["arguments"])
    problems = tamper(chain, f"UPDATE audit SET actor = 'eve', hash = '{seal}' WHERE id = 2")
    assert problems == ["audit entry 3 does not follow the entry before it"]


def test_a_missing_entry_is_found(chain):
    assert tamper(chain, "DELETE FROM audit WHERE id = 2") == ["audit entries 2 to 2 are missing"]


def test_a_missing_beginning_is_found(chain):
    assert tamper(chain, "DELETE FROM audit WHERE id < 3") == ["audit entries 1 to 2 are missing"]


def test_a_missing_entry_is_found_though_the_rest_is_renumbered(chain):
    with chain.store.write() as store:
        store.execute("DELETE FROM audit WHERE id = 2")
    problems = tamper(chain, "UPDATE audit SET id = id - 1 WHERE id > 2")
    assert problems == ["audit entry 2 does not follow the entry before it"]


def test_reordered_entries_are_found(chain):
    with chain.store.write() as store:
        store.execute("UPDATE audit SET id = 99 WHERE id = 2")
        store.execute("UPDATE audit SET id = 2 WHERE id = 3")
    problems = tamper(chain, "UPDATE audit SET id = 3 WHERE id = 99")
    assert len(problems) == 3
    assert all("does not follow" in problem for problem in problems)


def test_the_log_shows_the_newest_act_first(chain):
    assert [entry.subject for entry in log(chain)] == ["model 4", "model 3", "model 2", "model 1"]


def test_the_log_can_be_asked_about_one_thing(chain):
    assert [entry.arguments for entry in log(chain, "model 2")] == [{"version": 2}]


def test_the_log_shows_at_most_so_many_acts(chain):
    assert [entry.subject for entry in log(chain, limit=1)] == ["model 4"]


@pytest.fixture
def rename():
    @verb("rename-for-a-test", writes=True)
    def rename(project, name: str, *, to: str = "new", rows: object = None) -> str:
        """Rename a thing."""
        with project.store.write() as store:
            store.execute("INSERT INTO sequence (name, upcoming) VALUES (?, 1)", name)
        if to == "refused":
            raise ValueError("refused")
        return to

    yield rename
    del VERBS["rename-for-a-test"]


def test_a_writing_verb_called_from_python_leaves_an_entry(project, rename):
    rename(project, "thing", rows={1, 2})
    (entry,) = log(project)
    assert (entry.actor, entry.verb, entry.subject) == (project.actor, "rename-for-a-test", "thing")
    assert entry.arguments == {"name": "thing", "to": "new", "rows": "<set>"}


def test_a_writing_verb_that_fails_leaves_neither_its_work_nor_an_entry(project, rename):
    with pytest.raises(ValueError, match="refused"):
        rename(project, "thing", to="refused")
    assert log(project) == []
    assert project.store.value("SELECT count(*) FROM sequence WHERE name = 'thing'") == 0


def test_entries_of_two_processes_form_one_chain(project, start_process):
    code = """
        import sys
        from mlops_nb.project import current
        from mlops_nb.store import audit
        for number in range(50):
            with current().store.write() as store:
                audit.append(store, sys.argv[1], "act", str(number), {})
        """
    processes = [start_process(code, actor) for actor in ("ada", "bob")]
    for process in processes:
        assert process.wait(timeout=60) == 0, process.stderr.read()
    assert project.store.value("SELECT count(*) FROM audit") == 100
    assert fsck(project).problems == []
