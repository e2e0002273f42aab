"""Continuous integration: one command that asks of a project everything a reviewer would ask, and says yes or no.

``checks`` is the verb and what it asks, ``settings`` what ``[ci]`` of ``mlops.toml`` may say, ``junit`` the report that
other programs read.
"""
