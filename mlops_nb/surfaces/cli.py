"""The command line: ``mlops VERB …``.

Exit codes: 0 all is well; 1 a check or a gate said no; 2 the call is wrong; 3 anything else.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from mlops_nb._version import __version__
from mlops_nb.errors import MlopsError
from mlops_nb.project import Project, using
from mlops_nb.records import Record, Records, to_json
from mlops_nb.surfaces import commands, progress
from mlops_nb.surfaces.catalogue import verbs
from mlops_nb.verbs import Verb

HELP = {"help_option_names": ["-h", "--help"]}


def _act(verb: Verb, arguments: dict[str, Any]) -> None:
    options = click.get_current_context().find_root().obj
    checked = verb.arguments_from(arguments)
    with progress.shown() as reporter:
        if verb.reports:
            checked["progress"] = reporter
        if verb.founds:
            result = verb.function(**checked)
        else:
            project = Project.find(options["at"])
            with using(project):
                result = verb.function(project, **checked)
    _show(result, as_json=options["json"])
    if failure := getattr(result, "failure", None):
        click.echo(f"mlops: {' '.join(failure.split())}", err=True)
    sys.exit(getattr(result, "exit_code", 0))


def _show(result: Any, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(to_json(result), indent=2, ensure_ascii=False))
    elif isinstance(result, Record | Records):
        from mlops_nb.surfaces.text import to_text

        click.echo(to_text(result))
    elif result is not None:
        click.echo(result)


class _Verbs(click.Group):
    """Commands derived from verbs; ``--json`` may stand before or after the verb.

    Verbs of two words are listed with the others, and are the commands of a group that is called as their first word.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name.removeprefix(self._first) for name in verbs() if name.startswith(self._first)]

    @property
    def _first(self) -> str:
        return "" if self.name == "mlops" else f"{self.name} "

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = verbs().get(self._first + cmd_name)
        if verb is None:
            known = [name for name in verbs() if name.startswith(f"{cmd_name} ")] if not self._first else []
            told = f"{', '.join(known[:-1])} and {known[-1]}." if len(known) > 1 else "".join(known)
            return _Verbs(cmd_name, help=told, context_settings=HELP) if known else None
        command = commands.command(verb, _act)
        command.params.append(
            click.Option(
                ["--json", "as_json"], is_flag=True, expose_value=False, help="print the record as JSON",
                callback=lambda context, _, value: value and context.find_root().obj.update(json=True),
            )
        )  # fmt: skip
        return command


@click.command("mlops", cls=_Verbs, context_settings=HELP)
@click.version_option(__version__, prog_name="mlops")
@click.option("-C", "--project", "at", type=click.Path(path_type=Path), help="act as if started in this folder")
@click.option("--json", "as_json", is_flag=True, help="print the record as JSON")
@click.pass_context
def _mlops(context: click.Context, at: Path | None, as_json: bool) -> None:
    """Machine-learning operations from notebooks: what ran, what came of it, and whether it holds."""
    context.obj = {"at": at, "json": as_json}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    os.environ.setdefault("MLOPS_PROGRAM", "mlops")
    try:
        _mlops.main(args=arguments, prog_name="mlops", standalone_mode=False)
        code = 0
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except click.ClickException as error:
        click.echo(f"mlops: {error.format_message()}", err=True)
        code = 2
    except click.Abort:
        click.echo("mlops: stopped - what was finished is kept", err=True)
        code = 3
    except MlopsError as error:
        click.echo(f"mlops: {error}", err=True)
        code = error.exit_code
    except BrokenPipeError:
        code = 0
    except Exception as error:  # the edge of the process
        if os.environ.get("MLOPS_DEBUG"):
            raise
        click.echo(
            f"mlops: {type(error).__name__}: {error} - this is a fault of mlops-nb; MLOPS_DEBUG=1 shows where", err=True
        )
        code = 3
    sys.exit(code)
