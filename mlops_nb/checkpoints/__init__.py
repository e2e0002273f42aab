"""Checkpoints: the state of a kernel by value, kept in the project and brought back into another kernel.

- ``checkpoints``   the verbs ``checkpoint``, ``restore`` and ``checkpoints``, and what they record;
- ``saving``        which names of a namespace can be kept, found out and proved before anything is;
- ``pickles``       one pickle of many names, in which what was one object or one memory stays one;
- ``surroundings``  what belongs to the state and has no name: random state and the working folder.
"""
