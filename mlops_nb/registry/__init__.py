"""Model versions, the gates they pass and the aliases they answer to."""
