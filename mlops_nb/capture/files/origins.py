"""Origins: which of the opens in watched folders this process did itself.

inotify does not say who opened a file; fanotify does, as far as an unprivileged process may know: it gives the number
of the process for its own opens and 0 for those of others (Linux 5.13 and later, on file systems with file handles).
It keeps no order, so it only answers this one question. Where it cannot be had (older systems, many containers),
:attr:`Origins.known` is false, and whatever Python did not open itself may have been another process's.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

from mlops_nb import hooks
from mlops_nb.capture.syscalls import Poll, is_open

NONBLOCK, CLOEXEC, REPORT_NAMES = 0x2, 0x1, 0x400 | 0x800
OVERFLOW, FOLDER, ON_CHILD = 0x4000, 0x40000000, 0x08000000
USED = 0x20 | 0x100 | 0x200 | 0x40 | 0x80  # opened, made, removed, moved away, moved here
MARK_ADD, HERE = 0x1, -100
KIND = "anon_inode:[fanotify]"
HEAD = struct.Struct("IBBHQii")
INFO = struct.Struct("<BBHQIi")  # type, pad, length, file system, bytes of the handle, kind of handle
HANDLE_ROOM = 128


class Origins:
    """Who opened what in the folders that were added."""

    def __init__(self) -> None:
        self.known = False
        self._fd = -1
        self._folders: dict[tuple[int, bytes], str] = {}
        self._proved: set[int] = set()  # file systems that name what was opened as we do
        self._early: set[str] = set()

    @classmethod
    def here(cls) -> bool:
        """Whether the system tells this process which opens are its own."""
        tried = cls()
        tried.open(Poll())
        tried.add("/")
        known = tried.known
        tried.close()
        return known

    def open(self, poll: Poll) -> None:
        """Begin to watch, where the system lets us; events wake up ``poll`` too."""
        if not sys.platform.startswith("linux"):
            return
        with hooks.unheard():
            self._libc = ctypes.CDLL(None, use_errno=True)
            if not hasattr(self._libc, "fanotify_init"):
                return
            self._fd = self._libc.fanotify_init(REPORT_NAMES | NONBLOCK | CLOEXEC, os.O_RDONLY)
            self.known = self._fd >= 0
            if self.known:
                self._poll = poll
                poll.register(self._fd)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._fd >= 0:
            self._poll.unregister(self._fd)
            if is_open(self._fd, KIND):
                os.close(self._fd)
        self._fd, self.known = -1, False

    def add(self, folder: str) -> None:
        """Watch a folder; one that cannot be makes every origin unknown."""
        if self._fd < 0:
            return
        path = os.fsencode(folder)
        handle = ctypes.create_string_buffer(struct.pack("Ii", HANDLE_ROOM, 0), 8 + HANDLE_ROOM)
        mount = ctypes.c_int()
        mask = ctypes.c_uint64(USED | FOLDER | ON_CHILD)
        if (
            self._libc.name_to_handle_at(HERE, path, handle, ctypes.byref(mount), 0) < 0
            or self._libc.fanotify_mark(self._fd, MARK_ADD, mask, HERE, path) < 0
        ):
            self.close()
            return
        size, system = struct.unpack_from("I", handle)[0], os.statvfs(folder).f_fsid
        self._folders[system, handle.raw[4 : 8 + size]] = folder
        if system not in self._proved:
            self._prove(system, folder)

    def _prove(self, system: int, folder: str) -> None:
        """Open a folder and see whether that is told: else nothing that is told can be trusted."""
        with hooks.unheard():
            os.close(os.open(folder, os.O_RDONLY))
        own = self.drain()
        if own is None or folder not in own:
            self.close()
        else:
            self._proved.add(system)
            self._early |= own - {folder}

    def drain(self) -> set[str] | None:
        """Return the paths that this process opened or moved since this was last called; None if that is unknown."""
        own, self._early = self._early, set()
        lost = False
        if self._fd >= 0 and not is_open(self._fd, KIND):  # a cell has closed it
            self.close()
        while self._fd >= 0:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return None if lost else own
            at = 0
            while at < len(data):
                length, _, _, head, mask, _, process = HEAD.unpack_from(data, at)
                lost |= bool(mask & OVERFLOW)
                if process == os.getpid() and not mask & OVERFLOW:
                    own.add(self._path(data[at + head : at + length]))
                at += length
        return None

    def _path(self, info: bytes) -> str:
        _, _, length, system, size, _ = INFO.unpack_from(info)
        name = os.fsdecode(info[INFO.size + size : length].rstrip(b"\0"))
        folder = self._folders.get((system, info[INFO.size - 4 : INFO.size + size]), "")
        return folder if name == "." else f"{folder}/{name}"
