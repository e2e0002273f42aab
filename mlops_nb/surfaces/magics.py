"""``%load_ext mlops_nb`` and ``%mlops``: the verbs inside the notebook."""

from __future__ import annotations

import contextlib
import shlex
import sys
from typing import Any

from mlops_nb.capture import session as sessions
from mlops_nb.errors import MlopsError, UsageError

USAGE = """The verbs of mlops-nb, and switches for capture.

    %mlops                    the panel: what the project holds
    %mlops VERB …             any verb; %mlops VERB --help says what it takes
    %mlops off, %mlops on     stop and go on recording cells

A word that names a variable of the notebook means its value where a verb takes an object:

    %mlops register model late-flights --example X
"""


def load(shell: Any) -> None:
    """Attach capture and register the magic; a store that cannot be used is told in one line and nothing more."""
    try:
        sessions.attach(shell)
    except MlopsError as error:
        sys.stderr.write(f"mlops_nb: cells are not recorded: {error}\n")
        return
    shell.register_magic_function(mlops, "line", "mlops")
    shell.set_hook("complete_command", complete, str_key="%mlops")
    for formatter in ("text/html", "text/plain"):
        _register_displays(shell, formatter)


def unload(shell: Any) -> None:
    """Take everything away again that :func:`load` brought."""
    from mlops_nb.records import Record, Records

    sessions.detach()
    shell.magics_manager.magics["line"].pop("mlops", None)
    hook = shell.strdispatchers["complete_command"]
    hook.strs.pop("%mlops", None)
    for mime in ("text/html", "text/plain"):
        for kind in (Record, Records):
            with contextlib.suppress(KeyError):
                shell.display_formatter.formatters[mime].pop(kind)


def _register_displays(shell: Any, mime: str) -> None:
    """Let records be shown richly; what draws them is imported when the first one is shown."""
    from mlops_nb.records import Record, Records

    def as_html(record: Any) -> str:
        from mlops_nb.surfaces.html import to_html

        return to_html(record)

    def as_text(record: Any, printer: Any, cycle: bool) -> None:
        from mlops_nb.surfaces.text import to_text

        printer.text(to_text(record))

    for kind in (Record, Records):
        shell.display_formatter.formatters[mime].for_type(kind, as_html if mime == "text/html" else as_text)


def mlops(line: str) -> Any:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%mlops {line}: {error} - quote the text") from error
    if words and words[0] in ("on", "off"):
        return _switch(words[0])
    return _dispatch(words or ["panel"])


mlops.__doc__ = USAGE


def _switch(to: str) -> None:
    session = sessions.current()
    if session is not None:
        session.paused = to == "off"


def _dispatch(words: list[str]) -> Any:
    """Run a verb and return its record, so that a notebook shows it and a cell can use it."""
    import click

    from mlops_nb.project import current
    from mlops_nb.surfaces import commands, progress
    from mlops_nb.surfaces.catalogue import verbs
    from mlops_nb.verbs import Verb

    name, *rest = words
    known = verbs()
    if name in ("help", "-h", "--help"):
        print(USAGE + "\n" + "\n".join(f"    {verb.name:<14}{verb.summary}" for verb in known.values()))  # noqa: T201
        return None
    if name not in known:
        raise UsageError(f"%mlops has no verb {name!r} - there are: {', '.join(known)}")

    def act(verb: Verb, arguments: dict[str, Any]) -> Any:
        checked = verb.arguments_from(_resolved(verb, arguments))
        with progress.shown() as reporter:
            if verb.effect == "job":
                checked["progress"] = reporter
            return verb.function(**checked) if verb.founds else verb.function(current(), **checked)

    try:
        shown = commands.command(known[name], act).main(rest, prog_name=f"%mlops {name}", standalone_mode=False)
    except click.ClickException as error:
        raise UsageError(f"%mlops {name}: {error.format_message()}") from None
    if type(shown).__name__ == "Panel":
        from mlops_nb.surfaces.widgets import panel_widget

        return panel_widget(shown)
    return None if "--help" in rest or "-h" in rest else shown


def _resolved(verb: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Replace words that name variables by their values, where the verb takes an object."""
    from mlops_nb.verbs import Value

    session = sessions.current()
    namespace = session.shell.user_ns if session else {}
    objects = {argument.name for argument in verb.arguments if argument.type is Value}
    return {
        name: namespace[value] if name in objects and isinstance(value, str) and value in namespace else value
        for name, value in arguments.items()
    }


def complete(_shell: Any, event: Any) -> list[str]:
    """Complete verbs, then the options of the verb."""
    from mlops_nb.surfaces.catalogue import verbs

    words = event.line.split()
    known = verbs()
    if len(words) > 1 and words[1] in known and not event.line.endswith(words[1]):
        return ["--" + a.name.replace("_", "-") for a in known[words[1]].arguments if not a.positional]
    return [*known, "on", "off", "help"]
