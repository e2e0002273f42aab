"""What a cell showed, as IPython has kept it: nothing is formatted twice.

ipykernel files what is displayed in mid-cell under the next count, so two entries of the history are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OutputMark:
    """What there was before a cell: its count, and by count how many outputs, and pieces in the last of them."""

    count: int
    shown: dict[int, tuple[int, int]]


class Outputs:
    """The outputs in the history of a shell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.ours = False  # whether displays are kept in the history for our sake only
        self.ahead: int | None = None  # how far the shell's counter has moved on when a cell starts, by its version

    def watch(self, *, counted: bool) -> None:
        """Let IPython keep what is displayed; ``counted`` says whether a cell with a number of its own is running."""
        if counted:
            self.ahead = self.shell.execution_count - len(self.shell.history_manager.input_hist_parsed) + 1
        publisher = self.shell.display_pub
        self.ours = getattr(publisher, "store_display_history", None) is False
        if self.ours:
            publisher.store_display_history = True

    def unwatch(self) -> None:
        """Leave the shell as it was."""
        if self.ours:
            self.shell.display_pub.store_display_history = False

    def mark(self, *, counted: bool = True) -> OutputMark:
        """Remember what has been shown before a cell; ``counted`` says whether it gets a number of its own."""
        history = self.shell.history_manager
        count = self.shell.execution_count
        if counted:
            if self.ahead is None:  # later, the user may have changed ``In``
                self.ahead = count - len(history.input_hist_parsed)
            count -= self.ahead
        keys = (count, count + 1)
        return OutputMark(count, {key: _length(history.outputs[key]) for key in keys if key in history.outputs})

    def since(self, mark: OutputMark) -> list[dict[str, Any]]:
        """Return the MIME bundles of what has been shown since."""
        history = self.shell.history_manager.outputs
        found = []
        for key in (mark.count, mark.count + 1):
            shown = _since(history[key], *mark.shown.get(key, (0, 0))) if key in history else []
            found.extend(shown)
            if self.ours and shown:  # images must not pile up in memory
                history[key] = [kept for kept in history[key] if kept.output_type != "display_data"]
                if not history[key]:
                    del history[key]
        return found


def _length(outputs: list[Any]) -> tuple[int, int]:
    return len(outputs), len(outputs[-1].bundle.get("stream", ())) if outputs else 0


def _since(outputs: list[Any], number: int, pieces: int) -> list[dict[str, Any]]:
    """Return as MIME bundles what came after so many outputs, and after so many pieces of the last of them."""
    found = []
    for position, output in enumerate(outputs[max(number - 1, 0) :], max(number - 1, 0)):
        stream = output.bundle.get("stream")
        text = "".join(stream[pieces if position < number else 0 :]) if stream is not None else ""
        if text:
            found.append({"text/plain": text})
        elif stream is None and position >= number:
            found.append(dict(output.bundle))
    return found
