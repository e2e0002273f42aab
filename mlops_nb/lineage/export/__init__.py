"""A run in the words of others: OpenLineage events, W3C PROV-JSON, a Provenance Run Crate."""
