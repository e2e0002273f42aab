"""Content by its sha256: small things in the database, large ones as files beside it.

A file is written under a temporary name and renamed, and only then entered, so that a hash in the store
always has its bytes. What was written and never entered is found by :func:`unreferenced`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mlops_nb.errors import NotFound, StoreCorrupt, StoreFull
from mlops_nb.ids import digest, file_digest
from mlops_nb.secrets.known import learn_environment
from mlops_nb.secrets.redaction import redact
from mlops_nb.store.db import Store

INLINE = 16 * 1024  # bytes; below, a row is smaller and faster than a file
GRACE = 3600.0  # seconds in which a file without a row may still be one being written


class Content:
    """The bytes of one project."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder

    def path(self, address: str) -> Path:
        """Return where the file of a content address lies, or would lie."""
        return self.folder / address[:2] / address

    def put(self, data: bytes) -> str:
        """Keep bytes and return their content address."""
        address = digest(data)
        if len(data) <= INLINE:
            self._enter(address, len(data), data)
        else:
            self._enter_file(address, len(data), lambda temporary: temporary.write_bytes(data))
        return address

    def put_text(self, text: str | bytes) -> str:
        """Keep text without the secrets in it and return its content address; bytes that are no UTF-8 stay as they are.

        What is *not* text is kept by :meth:`put`, untouched.
        """
        learn_environment()
        if isinstance(text, bytes):
            return self.put(redact(text.decode(errors="surrogateescape")).encode(errors="surrogateescape"))
        return self.put(redact(text).encode(errors="replace"))

    def put_file(self, source: Path, known: tuple[str, int] | None = None) -> tuple[str, int]:
        """Keep the bytes of a file; return their content address and size.

        ``known`` is what an earlier call returned: in the transaction that will refer to the content, it makes sure
        that no collection has taken it meanwhile, without hashing again.
        """
        address, size = known or (file_digest(source), source.stat().st_size)
        if size <= INLINE:
            return self.put(source.read_bytes()), size
        self._enter_file(address, size, lambda temporary: shutil.copyfile(source, temporary))
        return address, size

    def get(self, address: str) -> bytes:
        """Return the bytes of a content address.

        Raises:
            NotFound: the store does not have them.
            StoreCorrupt: they are not what they were.
        """
        row = self.store.row("SELECT data FROM content WHERE hash = ?", address)
        if row is None:
            raise NotFound(f"no content {address[:16]} in {self.store.path} - it was never stored or was collected")
        try:
            data = self.path(address).read_bytes() if row["data"] is None else bytes(row["data"])
        except OSError as error:
            raise StoreCorrupt(f"the file of content {address[:16]} is missing ({error}) - see `mlops fsck`") from error
        if digest(data) != address:
            raise StoreCorrupt(f"content {address[:16]} is damaged: its bytes have another hash - see `mlops fsck`")
        return data

    def text(self, address: str) -> str:
        """Return content as text."""
        return self.get(address).decode(errors="replace")

    def open_path(self, address: str) -> contextlib.AbstractContextManager[Path]:
        """Return a path to read the content from, for libraries that want a file."""
        stored = self.path(address)
        return contextlib.nullcontext(stored) if stored.exists() else self._spilled(address)

    @contextlib.contextmanager
    def _spilled(self, address: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / address
            path.write_bytes(self.get(address))
            yield path

    def _enter(self, address: str, size: int, data: bytes | None) -> None:
        with self.store.write() as store:
            store.execute(
                "INSERT INTO content (hash, size, data) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", address, size, data
            )

    def _enter_file(self, address: str, size: int, fill: Callable[[Path], object]) -> None:
        self._place(address, fill)
        with self.store.write():
            self._place(address, fill)  # a collection may have taken the file before the lock was ours
            self._enter(address, size, None)

    def _place(self, address: str, fill: Callable[[Path], object]) -> None:
        final = self.path(address)
        if final.exists():
            return
        temporary = final.with_name(f".{address}.{os.getpid()}.{time.monotonic_ns()}")
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            fill(temporary)
            temporary.replace(final)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            if error.errno == 28:
                raise StoreFull(
                    f"no space left for {self.folder}: nothing was kept - free some space and repeat the call"
                ) from error
            raise

    # -- proving and collecting -------------------------------------------------------------------------------

    def problems(self) -> Iterator[str]:
        """Yield a sentence for each content whose bytes are missing or not what their address says."""
        for row in self.store.rows("SELECT hash, size, data FROM content"):
            path = self.path(row["hash"])
            try:
                actual = digest(bytes(row["data"])) if row["data"] is not None else file_digest(path)
            except OSError:
                yield f"content {row['hash'][:16]} is missing: {path} cannot be read"
                continue
            if actual != row["hash"]:
                yield f"content {row['hash'][:16]} is damaged: its bytes have the hash {actual[:16]}"

    def unreferenced(self, referenced: set[str]) -> list[tuple[str, int, Path | None]]:
        """Return ``(address, bytes, file)`` of what nothing refers to: rows, and files that never got a row."""
        rows = self.store.rows("SELECT hash, size, data IS NULL AS outside FROM content")
        entered = {row["hash"] for row in rows}
        found: list[tuple[str, int, Path | None]] = [
            (row["hash"], row["size"], self.path(row["hash"]) if row["outside"] else None)
            for row in rows
            if row["hash"] not in referenced
        ]
        for path in self.folder.glob("??/*"):
            if path.name not in entered and time.time() - path.stat().st_mtime > GRACE:
                found.append((path.name, path.stat().st_size, path))
        return found
