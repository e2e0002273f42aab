"""What a value is at a moment: ``eyes`` look, a walk over all that can be reached makes a ``look``.

``kinds`` names the kind of a thing, ``shapes`` and ``tables`` are what is done with each.
"""
