"""Secrets: what they look like, what they are called, and how a text is kept without them."""
