"""Remotes: what a cell asked of other machines and of SQL servers, by an address without its secrets.

What they answered is not kept and cannot be asked again, so it is recorded as an input that cannot be checked. HTTP is
heard through ``http.client`` (urllib, requests, boto3) and the log that httpx writes, other connections by host and
port, SQL through SQLAlchemy's own event. Neither library is ever imported here; one that is there is listened to.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mlops_nb import hooks
from mlops_nb.capture.files.touches import Touches

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = frozenset({*SAFE, "POST", "PUT", "PATCH", "DELETE"})
READING = ("select", "with", "show", "explain", "pragma", "describe", "values", "from")


def redacted(address: str) -> str:
    """Return an address without user, password, query and fragment."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path or "/", "", ""))


class Remotes:
    """The addresses that a cell used; ``on_file(path, wrote)`` is told of SQL on a file of this machine."""

    def __init__(self, on_file: Callable[[str, bool], None]) -> None:
        self.on_file = on_file
        self.on = False
        self.touches = Touches()
        self._hosts: dict[str, str] = {}  # names by number, of this cell
        self._engine: Any = None
        self._log: _Log | None = None

    def start(self) -> None:
        """Listen from now on."""
        hooks.listen(EVENTS, self._hear)

    def stop(self) -> None:
        """Stop listening, and leave the libraries as they were."""
        hooks.stop_listening(self._hear)
        if self._log is not None:
            self._log.detach()
        if self._engine is not None:
            sys.modules["sqlalchemy"].event.remove(self._engine, "before_cursor_execute", self._query)
        self._log = self._engine = None

    def begin(self) -> None:
        """Forget what was heard, and keep what comes."""
        self.touches = Touches()
        self.on = True
        self._attach()

    def end(self) -> Touches:
        """Return what was asked; a connection that an address stands for is left out."""
        self.on = False
        hosts = {urlsplit(name).netloc.partition(":")[0] for name in self.touches if not name.startswith("tcp:")}
        return Touches(
            (name, touch)
            for name, touch in self.touches.items()
            if not (name.startswith("tcp:") and urlsplit(name).hostname in hosts)
        )

    def _touch(self, name: str, wrote: bool, via: str) -> None:
        touch = self.touches.read(name)
        if wrote:
            touch = self.touches.wrote(name)
        touch.kind, touch.via = "external", via

    # -- what Python is heard doing ---------------------------------------------------------------------------

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        try:
            if event == "import":
                if args[0].startswith("sqlalchemy.dialects."):
                    self._attach()
            elif event == "http.client.send":
                self._send(*args)
            elif event == "urllib.Request":
                if urlsplit(args[0]).scheme not in ("http", "https", "file", "data"):
                    self._touch(redacted(args[0]), False, "network")
            elif event == "socket.getaddrinfo":
                self._attach()
            else:
                self._connect(args[1])
        except Exception:  # nothing may reach the cell; the connection itself has been noted
            self._touch(f"tcp://{event}", False, "network")

    def _send(self, connection: Any, data: Any) -> None:
        if type(data) is not bytes:
            return
        method, _, rest = data[:8192].partition(b"\r\n")[0].decode("latin-1").partition(" ")
        target, _, version = rest.rpartition(" ")
        if method not in METHODS or not version.startswith("HTTP/"):
            return  # a part of a body
        if target.startswith("/"):
            port = "" if connection.port == connection.default_port else f":{connection.port}"
            scheme = "https" if connection.default_port == 443 else "http"
            target = f"{scheme}://{connection._tunnel_host or connection.host}{port}{target}"
        self._touch(redacted(target), method not in SAFE, "network")

    def _connect(self, address: Any) -> None:
        if type(address) is tuple and len(address) >= 2:
            self._touch(f"tcp://{address[0]}:{address[1]}", False, "network")
        elif isinstance(address, str | bytes) and "pymp-" not in os.fsdecode(address):
            self._touch(f"unix:{os.fsdecode(address)}", False, "network")

    # -- libraries that tell by themselves --------------------------------------------------------------------

    def _attach(self) -> None:
        if self._log is None and "httpx" in sys.modules:
            self._log = _Log(self)
        module = sys.modules.get("sqlalchemy")
        if self._engine is None and module is not None and not getattr(module.__spec__, "_initializing", False):
            engine = module.engine.Engine
            module.event.listen(engine, "before_cursor_execute", self._query)
            self._engine = engine

    def _query(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not self.on:
            return
        url = connection.engine.url
        wrote = not statement.lstrip(" (\n\t").lower().startswith(READING)
        if url.database and (url.get_backend_name() in ("sqlite", "duckdb")):
            self.on_file(os.path.abspath(url.database), wrote)
        elif url.host or url.database not in (None, "", ":memory:"):
            place = (
                f"{url.get_backend_name()}://{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}"
            )
            self._touch(f"{place}#{hashlib.sha256(statement.encode()).hexdigest()[:12]}", wrote, "sql")


class _Log(logging.Filter):
    """Hears the line that httpx logs for each request, and lets through what would have been logged anyway."""

    def __init__(self, remotes: Remotes) -> None:
        super().__init__()
        self.remotes = remotes
        self.logger = logging.getLogger("httpx")
        self.level = self.logger.level
        self.logger.addFilter(self)
        if not self.logger.isEnabledFor(logging.INFO):
            self.logger.setLevel(logging.INFO)
        self.raised = self.logger.level != self.level

    def filter(self, record: logging.LogRecord) -> bool:
        if self.remotes.on and type(record.args) is tuple and len(record.args) > 1 and "HTTP Request" in record.msg:
            method, url = record.args[:2]
            self.remotes._touch(redacted(str(url)), str(method) not in SAFE, "network")
        if not self.raised:
            return True
        usual = self.level or (self.logger.parent or self.logger).getEffectiveLevel()
        return record.levelno >= usual

    def detach(self) -> None:
        self.logger.removeFilter(self)
        if self.raised and self.logger.level == logging.INFO:
            self.logger.setLevel(self.level)


EVENTS = ("import", "http.client.send", "urllib.Request", "socket.getaddrinfo", "socket.connect")
