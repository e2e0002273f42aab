"""``%load_ext mlops_nb`` and ``%mlops``: the verbs inside the notebook."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable
from typing import Any

from mlops_nb.autolog import watching
from mlops_nb.capture import session as sessions
from mlops_nb.errors import MlopsError, UsageError
from mlops_nb.surfaces import observing

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
        watching.attach(sessions.attach(shell).project)
    except MlopsError as error:
        sys.stderr.write(f"mlops_nb: cells are not recorded: {error}\n")
        return
    observing.stop()
    observing.start()
    shell.register_magic_function(mlops, "line", "mlops")
    shell.set_hook("complete_command", complete, str_key="%mlops")
    for formatter, kind, shown in _displays(shell.display_formatter):
        formatter.for_type(kind, shown)


def unload(shell: Any) -> None:
    """Take everything away again that :func:`load` brought."""
    watching.detach()
    if (cache := sys.modules.get("mlops_nb.cache.switch")) is not None:  # not loaded where nobody has used it
        cache.stop()
    sessions.detach()
    observing.stop()
    shell.magics_manager.magics["line"].pop("mlops", None)
    hook = shell.strdispatchers["complete_command"]
    hook.strs.pop("%mlops", None)
    for formatter, kind, _ in _displays(shell.display_formatter):
        with contextlib.suppress(KeyError):
            formatter.pop(kind)


def _displays(display: Any) -> list[tuple[Any, type, Callable[..., Any]]]:
    """Return the formatters that show records, the kind each is for, and how.

    The text of one record is a bundle: IPython's printer of text would prefer the ``__repr__`` of its dataclass.
    """
    from mlops_nb.records import Record, Records

    html, text = display.formatters["text/html"], display.formatters["text/plain"]
    return [
        (html, Record, _html), (html, Records, _html), (display.mimebundle_formatter, Record, _text_bundle),
        (text, Records, lambda records, printer, cycle: printer.text(_text(records))),
    ]  # fmt: skip


def _html(record: Any) -> str:
    from mlops_nb.surfaces.html import to_html  # what draws is imported when the first record is shown

    return to_html(record)


def _text(record: Any) -> str:
    from mlops_nb.surfaces.text import to_text

    failure = getattr(record, "failure", None)  # the command line tells it on standard error
    return to_text(record) + (f"\n\n{failure}" if failure else "")


def _text_bundle(record: Any) -> dict[str, str]:
    return {"text/plain": _text(record)}


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
        session.pause(to == "off")


def _dispatch(words: list[str]) -> Any:
    """Run a verb and return its record, so that a notebook shows it and a cell can use it."""
    import click

    from mlops_nb.project import current
    from mlops_nb.surfaces import commands, progress
    from mlops_nb.surfaces.catalogue import split, verbs
    from mlops_nb.verbs import Verb

    known = verbs()
    name, rest = split(words)
    if name in ("help", "-h", "--help"):
        print(USAGE + "\n" + "\n".join(f"    {verb.name:<14}{verb.summary}" for verb in known.values()))  # noqa: T201
        return None
    if name not in known:
        longer = [verb for verb in known if verb.startswith(f"{name} ")]
        raise UsageError(f"%mlops has no verb {name!r} - there are: {', '.join(longer or known)}")

    def act(verb: Verb, arguments: dict[str, Any]) -> Any:
        checked = verb.arguments_from(_resolved(verb, arguments))
        with progress.shown() as reporter:
            if verb.reports:
                checked["progress"] = reporter
            return verb.function(**checked) if verb.founds else verb.function(current(), **checked)

    try:
        shown = commands.command(known[name], act).main(rest, prog_name=f"%mlops {name}", standalone_mode=False)
    except click.ClickException as error:
        raise UsageError(f"%mlops {name}: {error.format_message()}") from None
    except click.Abort:  # what click makes of the stop button
        raise KeyboardInterrupt from None
    if type(shown).__name__ == "Panel":
        from mlops_nb.surfaces.widgets import panel_widget

        return panel_widget(shown)
    return None if "--help" in rest or "-h" in rest else shown


def _resolved(verb: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Replace words that name variables by their values, where the verb takes an object and no reference."""
    from mlops_nb.verbs import Value

    if verb.held is not None and verb.held not in arguments:
        return arguments
    session = sessions.current()
    namespace = session.shell.user_ns if session else {}
    objects = {argument.name for argument in verb.arguments if argument.type is Value}
    return {
        name: namespace[value] if name in objects and isinstance(value, str) and value in namespace else value
        for name, value in arguments.items()
    }


def complete(_shell: Any, event: Any) -> list[str]:
    """Complete verbs, then the options of the verb."""
    from mlops_nb.surfaces.catalogue import split, verbs

    words = event.line.split()[1:]
    known = verbs()
    name = split(words)[0] if words else ""
    if name in known and not event.line.endswith(name):
        return ["--" + a.name.replace("_", "-") for a in known[name].arguments if not a.positional]
    if len(words) > 1 or event.line.endswith(f"{name} "):  # the second word of a verb
        second = [verb.removeprefix(f"{words[0]} ") for verb in known if words and verb.startswith(f"{words[0]} ")]
        if second:
            return second
    return [*known, "on", "off", "help"]
