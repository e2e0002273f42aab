"""``python -m mlops_nb`` is the command line."""

from mlops_nb.surfaces.cli import main

main()
