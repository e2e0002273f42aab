"""What a cell showed: heard as it is published, and shown again as it was.

IPython keeps what is printed, in order; what is displayed is heard on its way out, because only then it can be told
from an update of an earlier display.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlops_nb.cache.heap import Refused

WIDGET = "application/vnd.jupyter.widget-view+json"
Shown = tuple[str, Any, Any]  # "out", "err", "display" or "result"; the text or the bundle; the metadata


@dataclass
class Listener:
    """Hears what one cell shows; its text and its displays are in IPython's history under these two counts."""

    shell: Any
    counts: tuple[int, int]

    def __post_init__(self) -> None:
        self.heard: list[tuple[int, dict[str, Any]]] = []  # after how many pieces of text, and the message
        self.hears = hasattr(self.shell.display_pub, "register_hook")
        self.before = len(self._pieces())
        if self.hears:
            self.shell.display_pub.register_hook(self._hear)

    def _hear(self, message: dict[str, Any]) -> dict[str, Any]:
        self.heard.append((len(self._pieces()) - self.before, message))
        return message

    def stop(self) -> None:
        """Hear no more."""
        if self.hears:
            self.shell.display_pub.unregister_hook(self._hear)

    def _outputs(self) -> Iterator[Any]:
        for count in self.counts:
            yield from self.shell.history_manager.outputs.get(count, ())

    def _pieces(self) -> list[Shown]:
        found: list[Shown] = []
        for output in self._outputs():
            if (stream := output.bundle.get("stream")) is not None:
                found += [("out" if output.output_type == "out_stream" else "err", piece, None) for piece in stream]
        return found

    def shown(self, result: Any) -> list[Shown]:
        """Return what was shown, in order, and last the result, if there is one.

        Raises:
            Refused: it cannot be shown again as it was.
        """
        found = self._pieces()[self.before :]
        for position, message in reversed(self.heard):
            content = message["content"]
            if message["header"]["msg_type"] != "display_data" or content["transient"]:
                raise Refused("it changes or clears what it has shown")
            found.insert(position, ("display", content["data"], content["metadata"]))
        kept = [output for output in self._outputs() if output.output_type == "execute_result"]
        if not self.hears and any(output.output_type == "display_data" for output in self._outputs()):
            raise Refused("it displays something where displays cannot be heard")
        if len(kept) != (result is not None):
            raise Refused("it shows more than its result")
        found += [("result", dict(output.bundle), {}) for output in kept]
        for what, data, _ in found:
            if what == "err" and "Warning: " in data:  # a library that has shown one may not show it again
                raise Refused("it shows a warning, which may be shown only once")
            if what in ("display", "result") and WIDGET in data:
                raise Refused("it shows a widget")
            if what == "result" and any(mime.startswith("image/") for mime in data):
                raise Refused("its result is a picture")
        return found


def show(shell: Any, shown: list[Shown], result: Any) -> None:
    """Show again what a cell showed; its result becomes ``_`` and ``Out``, as if it had been computed."""
    for what, data, metadata in shown:
        if what == "out":
            sys.stdout.write(data)
        elif what == "err":
            sys.stderr.write(data)
        elif what == "display":
            shell.display_pub.publish(data, metadata)
        else:
            _show_result(shell.displayhook, data, metadata, result)


def _show_result(hook: Any, data: Any, metadata: Any, result: Any) -> None:
    """Do what IPython does with a result, but for formatting it."""
    hook.check_for_underscore()
    hook.start_displayhook()
    hook.write_output_prompt()
    hook.update_user_ns(result)
    hook.fill_exec_result(result)
    hook.write_format_data(data, metadata)
    hook.log_output(data)
    hook.finish_displayhook()
