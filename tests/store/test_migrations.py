"""The schema: made once, portable, and open to any tool that reads SQLite."""

import re
import sqlite3

import pytest

from mlops_nb.store import migrations
from mlops_nb.store.db import Store

PORTABLE = {"TEXT", "BIGINT", "DOUBLE PRECISION", "BLOB"}


@pytest.fixture
def database(project):
    connection = sqlite3.connect(project.store.path)
    yield connection
    connection.close()


def tables(database):
    names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'"
    return [name for (name,) in database.execute(names)]


def test_each_migration_is_applied_once(project, database):
    before = database.execute("SELECT name, applied_at FROM _sqlite_migrations").fetchall()
    Store(project.store.path).close()
    assert database.execute("SELECT name, applied_at FROM _sqlite_migrations").fetchall() == before
    assert [name for name, _ in before] == [name for name, _ in migrations.ALL]


def test_a_migration_that_fails_leaves_nothing(tmp_path):
    statement = migrations.FIRST[-1]
    database = sqlite3.connect(tmp_path / "lineage.db")
    database.execute(statement)  # in the way of the last statement of the migration
    database.commit()
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        Store(tmp_path / "lineage.db")
    assert tables(database) == ["drift_report"]


def test_columns_have_portable_types(database):
    found = {
        (table, column[1]): column[2]
        for table in tables(database)
        for column in database.execute(f"PRAGMA table_info({table})")
    }
    assert len(found) > 80
    assert {place: kind for place, kind in found.items() if kind not in PORTABLE} == {}


def test_no_foreign_key_has_an_action(database):
    actions = {
        (key[5], key[6]) for table in tables(database) for key in database.execute(f"PRAGMA foreign_key_list({table})")
    }
    assert actions == {("NO ACTION", "NO ACTION")}


def test_row_ids_are_made_in_python(database):
    for table in tables(database):
        (sql,) = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        assert not re.search(r"AUTOINCREMENT|INTEGER PRIMARY KEY", sql)


def test_every_foreign_key_points_at_a_unique_column(database):
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    for table in tables(database):
        database.execute(f"DELETE FROM {table} WHERE 0")  # a mismatched key is an error of any write


def test_sqlite_utils_opens_the_store(project):
    import sqlite_utils

    opened = sqlite_utils.Database(project.store.path)
    assert {"node", "edge", "run", "execution", "metric", "model_version", "audit"} <= set(opened.table_names())
    assert opened["run"].foreign_keys


def test_founding_a_store_leaves_sqlite_utils_and_pandas_to_the_user(run_process):
    told = run_process(
        """
        import sys
        from pathlib import Path
        from mlops_nb.project import Project
        Project(Path.cwd()).store.close()
        print([name for name in ("sqlite_utils", "pandas", "numpy") if name in sys.modules])
        import sqlite_utils.utils, pandas, numpy
        print(sqlite_utils.Database(memory=True)["t"].insert({"a": numpy.float64(1)}).count, pandas.DataFrame().empty)
        """
    )
    assert told.stdout.splitlines() == ["[]", "1 True"]


def test_founding_a_store_keeps_the_sqlite_utils_that_a_user_had_imported(run_process):
    told = run_process(
        """
        import sys, sqlite_utils
        before = sys.modules["sqlite_utils"]
        from pathlib import Path
        from mlops_nb.project import Project
        Project(Path.cwd()).store.close()
        print(sys.modules["sqlite_utils"] is before, sys.modules.get("pandas", "absent") is not None)
        """
    )
    assert told.stdout == "True True\n"
