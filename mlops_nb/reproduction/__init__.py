"""Would it come out again? A slice runs once more on a stage of its own, and what it makes is held against the record.

``stages`` puts the inputs back as they were, ``replays`` runs the slice there, ``results`` reads what a run of it
recorded, ``matching`` compares two results, and ``reproduce`` is the verb and its verdict.
"""
