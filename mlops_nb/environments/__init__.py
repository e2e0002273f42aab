"""Environments as they were recorded, locked in files that other tools read, built again, and put into containers.

``recorded`` finds the environment that a reference means and what its cells import, ``locks`` pins it, ``restored``
builds it, ``kernels`` tells Jupyter of it. What resolves, downloads and installs is :mod:`~mlops_nb.environments.uv`.
"""
