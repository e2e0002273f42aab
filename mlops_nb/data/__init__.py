"""Datasets and the contracts they are held to."""
