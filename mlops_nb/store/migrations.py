"""The schema, as an ordered set of sqlite-utils migrations; never edit one that has been released, append.

The SQL is the subset that SQLite and PostgreSQL read alike: TEXT public IDs and BIGINT row IDs both made in
Python, DOUBLE PRECISION epoch seconds, JSON as TEXT, no ON DELETE actions. Facts are inserted and never changed;
``outcome`` is how a run or an execution that began comes to its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SET = "mlops_nb"

FIRST = (
    # -- the ground -------------------------------------------------------------------------------------------
    "CREATE TABLE sequence (name TEXT PRIMARY KEY, upcoming BIGINT NOT NULL)",
    "INSERT INTO sequence (name, upcoming) VALUES ('id', 1)",
    # bytes by sha256; data is NULL where the bytes are a file under blobs/
    "CREATE TABLE content (hash TEXT PRIMARY KEY, size BIGINT NOT NULL, data BLOB)",
    """CREATE TABLE audit (
        id BIGINT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, actor TEXT NOT NULL, verb TEXT NOT NULL,
        subject TEXT NOT NULL, arguments TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL UNIQUE)""",
    # -- who ran what, where ----------------------------------------------------------------------------------
    """CREATE TABLE environment (
        id BIGINT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, captured_at DOUBLE PRECISION NOT NULL,
        python TEXT NOT NULL, platform TEXT NOT NULL, packages TEXT NOT NULL)""",
    """CREATE TABLE process (
        id BIGINT PRIMARY KEY, pid BIGINT NOT NULL, born DOUBLE PRECISION NOT NULL, host TEXT NOT NULL,
        program TEXT NOT NULL, actor TEXT NOT NULL, started_at DOUBLE PRECISION NOT NULL,
        environment BIGINT REFERENCES environment (id),
        git_commit TEXT, git_diff TEXT REFERENCES content (hash))""",
    # -- the lineage graph ------------------------------------------------------------------------------------
    """CREATE TABLE node (
        id BIGINT PRIMARY KEY, public TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, name TEXT NOT NULL,
        created_at DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX node_by_kind ON node (kind, name)",
    # in the direction of the data: artifact -> execution is a read, execution -> artifact a write; where the code
    # named the thing, reference is the name and recorded an ID of that moment, so that the last can be found
    """CREATE TABLE edge (
        source BIGINT NOT NULL REFERENCES node (id), target BIGINT NOT NULL REFERENCES node (id),
        kind TEXT NOT NULL, reference TEXT NOT NULL DEFAULT '', recorded BIGINT,
        PRIMARY KEY (source, target, kind, reference))""",
    "CREATE INDEX edge_by_target ON edge (target, source)",
    # -- runs and the cells in them ---------------------------------------------------------------------------
    """CREATE TABLE run (
        id BIGINT PRIMARY KEY REFERENCES node (id), kind TEXT NOT NULL, parent BIGINT REFERENCES run (id),
        name TEXT NOT NULL, notebook TEXT, process BIGINT NOT NULL REFERENCES process (id),
        started_at DOUBLE PRECISION NOT NULL, cache_key TEXT, original BIGINT REFERENCES run (id))""",
    "CREATE INDEX run_by_start ON run (started_at)",
    "CREATE INDEX run_by_parent ON run (parent)",
    "CREATE INDEX run_by_key ON run (cache_key)",
    """CREATE TABLE execution (
        id BIGINT PRIMARY KEY REFERENCES node (id), run BIGINT NOT NULL REFERENCES run (id),
        process BIGINT NOT NULL REFERENCES process (id), parent BIGINT REFERENCES execution (id), cell TEXT,
        count BIGINT, source TEXT NOT NULL REFERENCES content (hash), started_at DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX execution_by_run ON execution (run)",
    """CREATE TABLE outcome (
        id BIGINT PRIMARY KEY REFERENCES node (id), status TEXT NOT NULL, ended_at DOUBLE PRECISION NOT NULL,
        reason TEXT)""",
    # state, not fact: what has begun and not ended, so that whose process died is found at once
    "CREATE TABLE unfinished (id BIGINT PRIMARY KEY REFERENCES node (id))",
    # what was not recorded of a run, or is not yet: such a run cannot stand for another
    """CREATE TABLE gap (
        id BIGINT PRIMARY KEY, run BIGINT NOT NULL REFERENCES run (id), message TEXT NOT NULL)""",
    """CREATE TABLE output (
        execution BIGINT NOT NULL REFERENCES execution (id), position BIGINT NOT NULL, mime TEXT NOT NULL,
        content TEXT NOT NULL REFERENCES content (hash), truncated BIGINT NOT NULL,
        PRIMARY KEY (execution, position, mime))""",
    """CREATE TABLE parameter (
        run BIGINT NOT NULL REFERENCES run (id), name TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (run, name))""",
    # a value that is not a number is NULL
    """CREATE TABLE metric (
        id BIGINT PRIMARY KEY, run BIGINT NOT NULL REFERENCES run (id),
        execution BIGINT REFERENCES execution (id), name TEXT NOT NULL, value DOUBLE PRECISION,
        step BIGINT, at DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX metric_by_run ON metric (run, name)",
    # -- artifacts: the same bytes are the same artifact, wherever they lie -----------------------------------
    """CREATE TABLE artifact (
        id BIGINT PRIMARY KEY REFERENCES node (id), hash TEXT NOT NULL UNIQUE, size BIGINT NOT NULL,
        stored BIGINT NOT NULL)""",
    """CREATE TABLE location (
        artifact BIGINT NOT NULL REFERENCES artifact (id), path TEXT NOT NULL, seen_at DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (artifact, path))""",
    "CREATE INDEX location_by_path ON location (path, seen_at)",
    """CREATE TABLE dataset (
        id BIGINT PRIMARY KEY REFERENCES node (id), name TEXT NOT NULL, version BIGINT NOT NULL,
        fingerprint TEXT NOT NULL, rows BIGINT NOT NULL, columns TEXT NOT NULL,
        content TEXT NOT NULL REFERENCES content (hash), run BIGINT REFERENCES run (id),
        created_at DOUBLE PRECISION NOT NULL, UNIQUE (name, version), UNIQUE (name, fingerprint))""",
    """CREATE TABLE quality (
        id BIGINT PRIMARY KEY, contract TEXT NOT NULL, fingerprint TEXT NOT NULL, run BIGINT REFERENCES run (id),
        passed BIGINT NOT NULL, rules TEXT NOT NULL, checked_at DOUBLE PRECISION NOT NULL)""",
    # -- models -----------------------------------------------------------------------------------------------
    """CREATE TABLE model_version (
        id BIGINT PRIMARY KEY REFERENCES node (id), name TEXT NOT NULL, version BIGINT NOT NULL,
        content TEXT NOT NULL REFERENCES content (hash), format TEXT NOT NULL, flavor TEXT NOT NULL,
        signature TEXT, example TEXT REFERENCES content (hash), trusted TEXT NOT NULL,
        environment BIGINT REFERENCES environment (id), run BIGINT REFERENCES run (id), intent TEXT,
        created_at DOUBLE PRECISION NOT NULL, UNIQUE (name, version))""",
    """CREATE TABLE gate (
        id BIGINT PRIMARY KEY, model BIGINT NOT NULL REFERENCES model_version (id),
        run BIGINT REFERENCES run (id), passed BIGINT NOT NULL, criteria TEXT NOT NULL, charter TEXT NOT NULL,
        checked_at DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX gate_by_model ON gate (model)",
    """CREATE TABLE alias_move (
        id BIGINT PRIMARY KEY, model TEXT NOT NULL, alias TEXT NOT NULL, version BIGINT NOT NULL,
        reason TEXT NOT NULL, actor TEXT NOT NULL, run BIGINT REFERENCES run (id), at DOUBLE PRECISION NOT NULL,
        FOREIGN KEY (model, version) REFERENCES model_version (name, version))""",
    "CREATE INDEX alias_by_model ON alias_move (model, alias, id)",
    # -- drift ------------------------------------------------------------------------------------------------
    """CREATE TABLE drift_report (
        id BIGINT PRIMARY KEY REFERENCES node (id), name TEXT NOT NULL, run BIGINT REFERENCES run (id),
        reference TEXT NOT NULL, current TEXT NOT NULL, drifted BIGINT NOT NULL, columns TEXT NOT NULL,
        alpha DOUBLE PRECISION NOT NULL, effect DOUBLE PRECISION NOT NULL,
        created_at DOUBLE PRECISION NOT NULL)""",
)


def first(db: Any) -> None:
    """Create every table of the first release."""
    for statement in FIRST:
        db.conn.execute(statement)


DOUBTS = (
    # why a version of a variable, or what a cell (or a run) used, cannot be checked: it is never taken for clean; the
    # reference is '' where it is about everything
    """CREATE TABLE doubt (
        node BIGINT NOT NULL REFERENCES node (id), reference TEXT NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (node, reference, reason))""",
)


def doubts(db: Any) -> None:
    """Create the table of what cannot be checked."""
    for statement in DOUBTS:
        db.conn.execute(statement)


FILES = (
    # an artifact that is a folder of files: which, with their hashes, is the content that its own hash is of
    """CREATE TABLE folder (
        artifact BIGINT PRIMARY KEY REFERENCES artifact (id), manifest TEXT NOT NULL REFERENCES content (hash))""",
    # the folders whose content a cell asked for, named as in references
    """CREATE TABLE listing (
        execution BIGINT NOT NULL REFERENCES execution (id), place TEXT NOT NULL, PRIMARY KEY (execution, place))""",
    # state, not fact: the hashes of large files by what the files looked like, so that they are not read again
    """CREATE TABLE hashed (
        path TEXT PRIMARY KEY, size BIGINT NOT NULL, written BIGINT NOT NULL, changed BIGINT NOT NULL,
        inode BIGINT NOT NULL, hash TEXT NOT NULL)""",
)


def files(db: Any) -> None:
    """Create what is known of files beside their content."""
    for statement in FILES:
        db.conn.execute(statement)


AUTOLOG = (
    # what an outermost cell cost; bytes, and NULL where the machine does not say
    """CREATE TABLE usage (
        execution BIGINT PRIMARY KEY REFERENCES execution (id), cpu DOUBLE PRECISION NOT NULL,
        wall DOUBLE PRECISION NOT NULL, memory_peak BIGINT, memory_growth BIGINT, gpu_memory BIGINT,
        gpu_utilisation DOUBLE PRECISION)""",
    # a call that trained something: a fit, a search or a cross-validation; parameters is JSON as it was then
    """CREATE TABLE fit (
        id BIGINT PRIMARY KEY REFERENCES node (id), kind TEXT NOT NULL, estimator TEXT NOT NULL,
        run BIGINT NOT NULL REFERENCES run (id), execution BIGINT REFERENCES execution (id),
        started_at DOUBLE PRECISION NOT NULL, seconds DOUBLE PRECISION, rows BIGINT, features BIGINT,
        parameters TEXT NOT NULL, note TEXT)""",
    "CREATE INDEX fit_by_run ON fit (run, id)",
    """CREATE TABLE candidate (
        fit BIGINT NOT NULL REFERENCES fit (id), position BIGINT NOT NULL, parameters TEXT NOT NULL,
        metrics TEXT NOT NULL, PRIMARY KEY (fit, position))""",
    """CREATE TABLE kept_model (
        fit BIGINT PRIMARY KEY REFERENCES fit (id), content TEXT NOT NULL REFERENCES content (hash),
        format TEXT NOT NULL, trusted TEXT NOT NULL)""",
    "ALTER TABLE metric ADD COLUMN fit BIGINT REFERENCES fit (id)",
    "CREATE INDEX metric_by_fit ON metric (fit) WHERE fit IS NOT NULL",
    # state, not fact: the newest value of each parameter that nobody named, of fits and of widgets
    """CREATE TABLE observed_parameter (
        run BIGINT NOT NULL REFERENCES run (id), name TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (run, name))""",
)


def autolog(db: Any) -> None:
    """Create the tables of what is recorded without being asked."""
    for statement in AUTOLOG:
        db.conn.execute(statement)


COLUMNS = (
    # a column of one node comes from a column of another; what the signs among the columns mean, lineage.tracing says
    """CREATE TABLE column_edge (
        source BIGINT NOT NULL REFERENCES node (id), source_column TEXT NOT NULL,
        target BIGINT NOT NULL REFERENCES node (id), target_column TEXT NOT NULL, kind TEXT NOT NULL,
        assumed BIGINT NOT NULL, PRIMARY KEY (target, target_column, source, source_column, kind))""",
    "CREATE INDEX column_edge_by_source ON column_edge (source)",
    # the labels of tables and of their indexes, and the features of models; many versions have the same
    "CREATE TABLE column_list (hash TEXT PRIMARY KEY, columns TEXT NOT NULL)",
    """CREATE TABLE table_columns (
        id BIGINT PRIMARY KEY REFERENCES node (id), columns TEXT NOT NULL REFERENCES column_list (hash))""",
    # tables that crossed a boundary: when, what each was (or why that is not known), and the profile of such data
    """CREATE TABLE table_crossing (
        id BIGINT NOT NULL REFERENCES node (id), boundary TEXT NOT NULL,
        execution BIGINT NOT NULL REFERENCES execution (id), PRIMARY KEY (id, boundary, execution))""",
    "CREATE TABLE table_profile (fingerprint TEXT PRIMARY KEY, rows BIGINT NOT NULL, columns TEXT NOT NULL)",
    """CREATE TABLE table_print (
        id BIGINT PRIMARY KEY REFERENCES node (id), fingerprint TEXT REFERENCES table_profile (fingerprint),
        reason TEXT)""",
    "CREATE INDEX table_print_by_fingerprint ON table_print (fingerprint)",
)


def columns(db: Any) -> None:
    """Add the lineage of columns, and tables that were seen without a call."""
    for statement in COLUMNS:
        db.conn.execute(statement)


CELLS = (
    # who had a process run: person, papermill, nbconvert, nbclient, scheduler, ci or agent; NULL where nobody can tell
    "ALTER TABLE process ADD COLUMN caller TEXT",
    # a notebook that was renamed or moved: what ran under the old path before belongs to the new one
    """CREATE TABLE notebook_move (
        id BIGINT PRIMARY KEY, old TEXT NOT NULL, new TEXT NOT NULL, at DOUBLE PRECISION NOT NULL)""",
    # packages that came, went or changed while a process ran: what follows in it runs in another environment.
    # during is 0 where they were found changed when the cell began, so that it was not the cell
    """CREATE TABLE environment_change (
        execution BIGINT NOT NULL REFERENCES execution (id), during BIGINT NOT NULL,
        environment BIGINT NOT NULL REFERENCES environment (id), PRIMARY KEY (execution, during))""",
)


def cells(db: Any) -> None:
    """Know who had cells run, where their notebook went, and when packages changed under them."""
    for statement in CELLS:
        db.conn.execute(statement)


REPRODUCTIONS = (
    # whether a thing came out again (again is 1, else 0): the verdict, in which environment, and what was compared by
    # its hashes
    """CREATE TABLE reproduction (
        id BIGINT PRIMARY KEY, node BIGINT NOT NULL REFERENCES node (id), verdict TEXT NOT NULL, again BIGINT NOT NULL,
        cells BIGINT NOT NULL,
        environment BIGINT NOT NULL REFERENCES environment (id), reason TEXT,
        compared TEXT NOT NULL REFERENCES content (hash), at DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX reproduction_by_node ON reproduction (node, id)",
)


def reproductions(db: Any) -> None:
    """Keep verdicts on whether things came out again."""
    for statement in REPRODUCTIONS:
        db.conn.execute(statement)


ORIGINS = (
    # where packages came from that no registry gave, by name; NULL where that was not looked at
    "ALTER TABLE environment ADD COLUMN origins TEXT",
    # what processes ran under: variables, locale, time zone, processor, system libraries; many ran under the same
    "CREATE TABLE conditions (hash TEXT PRIMARY KEY, facts TEXT NOT NULL)",
    """CREATE TABLE process_conditions (
        id BIGINT PRIMARY KEY, process BIGINT NOT NULL REFERENCES process (id),
        conditions TEXT NOT NULL REFERENCES conditions (hash))""",
    "CREATE INDEX process_conditions_by_process ON process_conditions (process, id)",
)


def origins(db: Any) -> None:
    """Know where packages came from that no registry gave, and what processes ran under."""
    for statement in ORIGINS:
        db.conn.execute(statement)


TRIALS = (
    # what a program came to when it ran on a stage: its metrics (JSON, the last value of each) by what it is made of
    """CREATE TABLE trial (
        key TEXT PRIMARY KEY, metrics TEXT NOT NULL, environment BIGINT NOT NULL REFERENCES environment (id),
        at DOUBLE PRECISION NOT NULL)""",
)


def trials(db: Any) -> None:
    """Keep what mixtures of two programs came to."""
    for statement in TRIALS:
        db.conn.execute(statement)


CHECKPOINTS = (
    # the values of a kernel: a pickle of our own, loaded by its hash and in its environment
    """CREATE TABLE checkpoint (
        id BIGINT PRIMARY KEY REFERENCES node (id), name TEXT NOT NULL, content TEXT NOT NULL REFERENCES content (hash),
        bytes BIGINT NOT NULL, environment BIGINT NOT NULL REFERENCES environment (id), run BIGINT REFERENCES run (id),
        created_at DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX checkpoint_by_name ON checkpoint (name, id)",
    # the names in it; and those that could not be kept, with the reason
    """CREATE TABLE checkpoint_name (
        checkpoint BIGINT NOT NULL REFERENCES checkpoint (id), name TEXT NOT NULL, reason TEXT,
        PRIMARY KEY (checkpoint, name))""",
)


def checkpoints(db: Any) -> None:
    """Keep the state of kernels."""
    for statement in CHECKPOINTS:
        db.conn.execute(statement)


CACHE = (
    # state, not fact: what a cell made, to be given back where its key comes again; conditions is JSON, cost and load
    # are seconds. An entry that is not worth its bytes goes
    """CREATE TABLE kept_cell (
        id BIGINT PRIMARY KEY, key TEXT NOT NULL, execution BIGINT NOT NULL REFERENCES execution (id),
        content TEXT NOT NULL REFERENCES content (hash), size BIGINT NOT NULL, cost DOUBLE PRECISION NOT NULL,
        load DOUBLE PRECISION NOT NULL, conditions TEXT NOT NULL, used_at DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX kept_cell_by_key ON kept_cell (key)",
    # the files that a kept cell wrote
    """CREATE TABLE kept_file (
        kept BIGINT NOT NULL REFERENCES kept_cell (id), path TEXT NOT NULL,
        content TEXT NOT NULL REFERENCES content (hash), PRIMARY KEY (kept, path))""",
    # what the cache did about a cell: original is the execution from which it was restored, else reason says why it ran
    """CREATE TABLE cached (
        execution BIGINT PRIMARY KEY REFERENCES execution (id), original BIGINT REFERENCES execution (id),
        reason TEXT NOT NULL, deciding DOUBLE PRECISION NOT NULL, saved DOUBLE PRECISION NOT NULL)""",
)


def cache(db: Any) -> None:
    """Keep what cells made."""
    for statement in CACHE:
        db.conn.execute(statement)


#: Every migration in order. The name is what the store remembers.
ALL: tuple[tuple[str, Callable[[Any], None]], ...] = (
    ("0001_first", first),
    ("0002_doubts", doubts),
    ("0003_files", files),
    ("0004_autolog", autolog),
    ("0005_columns", columns),
    ("0006_cells", cells),
    ("0007_reproductions", reproductions),
    ("0008_origins", origins),
    ("0009_trials", trials),
    ("0010_checkpoints", checkpoints),
    ("0011_cache", cache),
)
