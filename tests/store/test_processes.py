"""Several processes at once: nothing is lost, nothing is handed out twice."""

import sqlite3

from mlops_nb.proof import fsck
from mlops_nb.store import migrations

PROCESSES, WRITES = 4, 200

FOUND = """
import sys, time
from pathlib import Path
from mlops_nb.project import Project
print("ready", flush=True)
while not Path("go").exists():
    time.sleep(0.001)
project = Project(Path.cwd())
with project.store.write() as store:
    store.execute("INSERT INTO sequence (name, upcoming) VALUES (?, 1)", sys.argv[1])
project.store.close()
"""

LOG = """
import sys
import mlops_nb as mlops
for number in range(int(sys.argv[2])):
    mlops.log_metric(sys.argv[1], number, step=number)
"""

IDS = """
import sys
from pathlib import Path
from mlops_nb.store.db import Store
store = Store(Path(".mlops/lineage.db"))
print(*(store.next_id() for _ in range(1500)))
"""


def finish(processes):
    answers = [process.communicate(timeout=60) for process in processes]
    for process, (_, err) in zip(processes, answers, strict=True):
        assert process.returncode == 0, err
    return [out for out, _ in answers]


def test_a_store_founded_by_several_processes_at_once_keeps_what_each_wrote(start_process, workspace):
    processes = [start_process(FOUND, f"p{number}") for number in range(PROCESSES)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * PROCESSES
    (workspace / "go").touch()
    finish(processes)
    database = sqlite3.connect(workspace / ".mlops" / "lineage.db")
    kept = database.execute("SELECT name FROM sequence WHERE name LIKE 'p%' ORDER BY name").fetchall()
    assert [name for (name,) in kept] == ["p0", "p1", "p2", "p3"]
    applied = database.execute("SELECT name FROM _sqlite_migrations ORDER BY id").fetchall()
    assert [name for (name,) in applied] == [name for name, _ in migrations.ALL]


def test_metrics_logged_by_several_processes_at_once_are_all_kept(start_process, project):
    finish([start_process(LOG, f"m{number}", WRITES) for number in range(PROCESSES)])
    store = project.store
    assert store.value("SELECT count(*) FROM metric") == PROCESSES * WRITES
    assert store.value("SELECT count(DISTINCT id) FROM metric") == PROCESSES * WRITES
    assert [row[0] for row in store.rows("SELECT count(*) FROM metric GROUP BY run")] == [WRITES] * PROCESSES


def test_row_ids_are_unique_over_processes(start_process, project):
    answers = finish([start_process(IDS) for _ in range(PROCESSES)])
    numbers = [int(word) for answer in answers for word in answer.split()]
    assert len(set(numbers)) == len(numbers) == PROCESSES * 1500


def test_a_store_written_by_several_processes_at_once_is_whole(start_process, project):
    finish([start_process(LOG, f"m{number}", 20) for number in range(2)])
    assert fsck(project).problems == []
