"""Comparison: what differs between two runs, model versions, dataset versions or notebooks.

- ``differences``   the verb ``diff``: what can be compared with what, and the record that holds the changes;
- ``sides``         what is known of a run or a model version, and which of it led to a metric;
- ``cells``         cells matched and compared by what their code means, not by how it is written;
- ``inputs``        the files, datasets and models that runs read;
- ``tables``        two tables: columns, rows by key, distributions;
- ``profiles``      what is known of a table whose file was not kept;
- ``environments``  Python, packages, platform and commit;
- ``values``        parameters and metrics.

Each answers with a list of changes, the likeliest causes of a changed metric first. Nothing of these is a verdict about
the cause: what stands first *could* explain the change, since the metric came from it. To know it, programs run again:

- ``changes``       the single changes between the programs behind a metric in A and in B;
- ``programs``      the two programs, and every mixture of them;
- ``trials``        a mixture run on a stage, within a budget, and kept;
- ``baselines``     what A and B come to here, and what chance does;
- ``explanations``  how much of the difference each change accounts for, for ``diff --explain``;
- ``histories``     what a metric was from run to run, by the record;
- ``bisection``     the verb ``bisect``: which change moved a metric.
"""
