"""One SQLite file and the content beside it."""
