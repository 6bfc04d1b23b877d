"""How far a command is, on the error stream of a terminal; nothing anywhere else, so no log and no JSON holds it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from app.services.importing.working import Telling, no_telling

LABELS = {
    "reading": "Reading the file",
    "recognizing": "Recognizing the sheets",
    "comparing": "Comparing with what is recorded",
    "writing": "Writing (all or nothing)",
}


class _Bars:
    """One bar after the other: each phase has its own, which counts as soon as the phase knows its size."""

    def __init__(self) -> None:
        self.phase = ""
        self._bar: Any = None

    def __call__(self, phase: str, done: int = 0, total: int = 0) -> None:
        if phase != self.phase:
            self.close()
            self.phase = phase
            if not total:
                click.echo(f"{LABELS.get(phase, phase)} …", err=True)
        if not total:
            return
        if self._bar is None:
            label = LABELS.get(phase, phase)
            self._bar = click.progressbar(length=total, label=label, file=sys.stderr, show_pos=True).__enter__()
        self._bar.length = max(total, done)
        self._bar.update(done - self._bar.pos)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None


@contextmanager
def progress(as_json: bool) -> Iterator[Telling]:
    """Yield what work tells its progress to; it is shown on a terminal only, and never beside JSON."""
    if as_json or not sys.stderr.isatty():
        yield no_telling
        return
    bars = _Bars()
    try:
        yield bars
    finally:
        bars.close()
