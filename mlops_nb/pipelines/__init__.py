"""Notebooks as steps: what they declare, read and write, and running them in that order."""
