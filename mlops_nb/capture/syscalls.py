"""Calls of the operating system that keep the interpreter's lock, for the path of a cell.

Python's own let go of it, since they may block; the cell then waits for whichever thread has taken it meanwhile, such
as the one that saves IPython's history, and that costs many times what these calls take. They do not block: they write
a line to a file, read a few bytes of ``/proc``, or ask whether something has happened.
"""

from __future__ import annotations

import ctypes
import os
import struct

_library = ctypes.PyDLL(None)
_library.pread.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long)
_library.pread.restype = ctypes.c_ssize_t
_library.pwrite.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_long)
_library.pwrite.restype = ctypes.c_ssize_t
_library.lseek.argtypes = (ctypes.c_int, ctypes.c_long, ctypes.c_int)
_library.lseek.restype = ctypes.c_long
_library.poll.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int)

POLLIN = 1
STAT = 512  # bytes, more than any system's


def pwrite(file: int, data: bytes, start: int) -> int:
    """Write to an open file at a place, and return how many bytes were written; fewer where there is trouble."""
    written = int(_library.pwrite(file, data, len(data), start))
    return written if written == len(data) else os.pwrite(file, data, start)  # again, for its error


def pread(file: int, size: int, start: int) -> bytes:
    """Read at most so many bytes of an open file from a place on."""
    room = ctypes.create_string_buffer(size)
    found = int(_library.pread(file, room, size, start))
    return room.raw[:found] if found >= 0 else os.pread(file, size, start)  # again, for its error


def position(file: int) -> int:
    """Return where an open file stands, or -1 where there is no such thing."""
    return int(_library.lseek(file, 0, os.SEEK_CUR))


def identity(file: int | bytes) -> tuple[int, int]:
    """Return the device and the number of a file that is open or at a path.

    Raises:
        OSError: it is not there.
    """
    found = _asked(file) if _ANSWERS else None
    if found is None:  # again, for its error
        seen = os.stat(file)
        return seen.st_dev, seen.st_ino
    return found


def _asked(file: int | bytes) -> tuple[int, int] | None:
    room = ctypes.create_string_buffer(STAT)
    ask = _library.fstat if type(file) is int else _library.stat
    return struct.unpack_from("QQ", room) if ask(file, room) == 0 else None


def _answers() -> bool:
    """Whether the C library is asked and answered as we think: device and number first, eight bytes each."""
    if not (hasattr(_library, "stat") and hasattr(_library, "fstat")):
        return False
    root = os.stat("/")
    return _asked(b"/") == (root.st_dev, root.st_ino)


_ANSWERS = _answers()


def is_open(file: int, kind: str) -> bool:
    """Whether a number still belongs to an open file of a kind: a cell may close any, and get its number for its own.

    Args:
        file: the number
        kind: what the system shows for it under ``/proc/self/fd``
    """
    try:
        return os.readlink(f"/proc/self/fd/{file}") == kind
    except OSError:
        return False


class Poll:
    """Open files of which one asks whether there is anything to read; ``select.poll`` without letting go."""

    def __init__(self) -> None:
        self._files: list[int] = []
        self._asked = ctypes.create_string_buffer(1)

    def register(self, file: int) -> None:
        """Ask for this file too."""
        self._ask_for([*self._files, file])

    def unregister(self, file: int) -> None:
        """Ask for this file no more."""
        self._ask_for([known for known in self._files if known != file])

    def _ask_for(self, files: list[int]) -> None:
        packed = b"".join(struct.pack("ihh", file, POLLIN, 0) for file in files)
        self._files, self._asked = files, ctypes.create_string_buffer(packed, max(len(packed), 1))

    def ready(self) -> bool:
        """Whether there is anything to read, or a file that cannot be asked."""
        return bool(_library.poll(self._asked, len(self._files), 0) != 0)
