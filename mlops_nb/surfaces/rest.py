"""The server extension: every verb at ``mlops-nb/api/VERB`` (a space is a slash there), and a cheap feed of changes.

Reading verbs answer GET, all others POST. Jupyter Server authenticates and checks XSRF. ``at`` names a file or
folder below the server's root; the project is the one at or above it.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from mlops_nb.capture.processes import reap
from mlops_nb.errors import MlopsError, NoProject, NotFound, UsageError
from mlops_nb.project import Project, find_root
from mlops_nb.records import to_json
from mlops_nb.surfaces import renames
from mlops_nb.surfaces.catalogue import verbs
from mlops_nb.verbs import Value, Verb

HOLD = 20.0  # seconds that a question for changes is held open
NOWHERE = "none"  # the token of a place without a project
LOOK = 0.25  # seconds between two looks at the store


class _Projects:
    """The projects that this server has opened, one store each."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self.opened: dict[Path, Project] = {}

    def path(self, place: str) -> Path:
        """Return where a place below the server's root lies.

        Raises:
            UsageError: it lies outside the server's root.
        """
        path = Path(os.path.realpath(self.root / place.strip("/")))
        if path != self.root and self.root not in path.parents:
            raise UsageError(f"{place!r} lies outside the folder that this server shows")
        return path

    def at(self, place: str) -> Project:
        """Return the project at or above a place below the server's root.

        Raises:
            UsageError: the place lies outside the server's root.
            NoProject: there is no project.
        """
        path = self.path(place)
        folder = path if path.is_dir() else path.parent
        root = find_root(folder)
        if root is None or not (root / ".mlops" / "lineage.db").exists():
            raise NoProject(f"no project at or above {place or '/'} - type %load_ext mlops_nb in a notebook there")
        known = self.opened.get(root)
        if known is None or not known.store.path.exists():
            self.opened[root] = known = Project(root)
        return known


class _Handler(APIHandler):
    """Answers in JSON, errors in one shape: ``{"error": {"type", "message"}}``."""

    auth_resource = "mlops-nb"

    def initialize(self, projects: _Projects) -> None:
        """Take what the route hands over."""
        self.projects = projects
        self.closed = False

    def on_connection_close(self) -> None:
        """Notice that nobody waits for the answer any more."""
        self.closed = True

    def _fail(self, error: MlopsError) -> None:
        self.set_status(error.status)
        self.finish(json.dumps({"error": {"type": type(error).__name__, "message": str(error)}}))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an unexpected failure in the same shape; the log has its traceback."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        message = getattr(error, "log_message", None) or getattr(error, "reason", None) or type(error).__name__
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"error": {"type": type(error).__name__, "message": str(message)}}))


class VerbHandler(_Handler):
    """One verb."""

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Answer a reading verb; its arguments are query parameters."""
        given = {key: self.get_query_argument(key) for key in self.request.query_arguments}
        await self._answer(name, given, writing=False)

    @web.authenticated
    @authorized
    async def post(self, name: str) -> None:
        """Answer any other verb; its arguments are the members of a JSON object."""
        given = self.get_json_body() or {}
        if not isinstance(given, dict):
            return self._fail(UsageError("the body must be a JSON object of arguments"))
        return await self._answer(name, given, writing=True)

    async def _answer(self, name: str, given: dict[str, Any], *, writing: bool) -> None:
        try:
            verb = _verb(name, writing)
            place = given.pop("at", "")
            if not isinstance(place, str):
                raise UsageError(f"at must be a path below the server's root, not {place!r}")
            project = self.projects.at(place)
            read = {a.name: a for a in verb.arguments}
            if not writing:
                given = {key: read[key].parse(text) if key in read else text for key, text in given.items()}
            for key, value in given.items():
                if key in read and read[key].type is Value and value == place:
                    given[key] = str(self.projects.path(place))
            arguments = verb.arguments_from(given)
            result = await asyncio.to_thread(verb.function, project, **arguments)
            self.finish(json.dumps(to_json(result)))
        except MlopsError as error:
            self._fail(error)


def _verb(name: str, writing: bool) -> Verb:
    verb = verbs().get(name.replace("/", " "))
    if verb is None or verb.founds:
        raise NotFound(f"no verb {name!r} here - see mlops --help")
    if writing != (verb.effect != "reads"):
        raise UsageError(f"{name} is asked for with {'POST' if verb.effect != 'reads' else 'GET'}")
    return verb


class ChangesHandler(_Handler):
    """Holds a question open until the store has changed."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer ``{"token", "changed"}`` when the store differs from the token ``since``, or after a while."""
        since, place = self.get_query_argument("since", ""), self.get_query_argument("at", "")
        try:
            token = self._token(place)
            waited = 0.0
            while token == since and waited < HOLD and not self.closed:
                await asyncio.sleep(LOOK)
                waited += LOOK
                token = self._token(place)
            if token == since != NOWHERE:
                await asyncio.to_thread(reap, self.projects.at(place))  # a kernel that died changes the store too
                token = self._token(place)
            self.finish(json.dumps({"token": token, "changed": token != since}))
        except MlopsError as error:
            self._fail(error)

    def _token(self, place: str) -> str:
        """Return the store's token; a place without a project changes when one appears there."""
        try:
            return self.projects.at(place).store.token()
        except NoProject:
            return NOWHERE


def _load_jupyter_server_extension(server: Any) -> None:
    """Add the routes to a Jupyter server."""
    opened = _Projects(Path(server.root_dir))
    renames.follow(server, opened.at)
    projects = {"projects": opened}
    base = server.web_app.settings["base_url"]
    server.web_app.add_handlers(
        ".*$",
        [
            (url_path_join(base, "mlops-nb", "api", r"([a-z/-]+)"), VerbHandler, projects),
            (url_path_join(base, "mlops-nb", "changes"), ChangesHandler, projects),
        ],
    )
