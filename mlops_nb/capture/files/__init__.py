"""Which files a cell used: what Python tells, what is seen in folders, and what both mean together.

``hearing`` hears Python's own audit events and ``remotes`` the network's; ``watches`` sees what anybody does in the
project's folders, and ``origins`` whose doing that was. ``touches`` and ``sightings`` are what comes of it, ``places``
and ``partitions`` say what is data, and ``observer`` puts it together into what a cell has ``opened``.
"""
