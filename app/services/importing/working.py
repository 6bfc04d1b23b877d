"""Work in a thread of its own that says how far it is and stops when asked. Knows no database and no page."""

from collections.abc import Callable
from threading import BoundedSemaphore, Event, Thread
from typing import Generic, TypeVar

AT_ONCE = 2
"""So many files are opened, recognized or compared at the same time by one process; the others wait."""

Telling = Callable[[str, int, int], None]
"""Hears phase, done and total (0 when that is not known), and raises when the work should end."""

T = TypeVar("T")
_turns = BoundedSemaphore(AT_ONCE)


def no_telling(phase: str, done: int = 0, total: int = 0) -> None:
    """Nobody wants to know how far it is."""


class Stopped(Exception):
    """The work was given up on purpose; nothing is to be kept of it."""


class Progress:
    """How far work is: its phase, and done of total. Calling it tells so, and raises Stopped once it should end."""

    def __init__(self) -> None:
        self.phase, self.done, self.total = "waiting", 0, 0
        self.stopped = Event()

    def __call__(self, phase: str, done: int = 0, total: int = 0) -> None:
        self.phase, self.done, self.total = phase, done, total
        if self.stopped.is_set():
            raise Stopped

    @property
    def now(self) -> tuple[str, int, int]:
        """Phase, done and total."""
        return self.phase, self.done, self.total


class Work(Generic[T]):
    """``job`` running in a thread that dies with the process; it begins when a turn is free."""

    def __init__(self, job: Callable[[Progress], T]) -> None:
        self.progress = Progress()
        self._job = job
        self._done = Event()
        self._value: T | None = None
        self._error: BaseException | None = None
        Thread(target=self._run, daemon=True, name="qualgate-import").start()

    def _run(self) -> None:
        try:
            while not _turns.acquire(timeout=0.2):
                self.progress("waiting")
            try:
                self.progress("waiting")
                self._value = self._job(self.progress)
            finally:
                _turns.release()
        except BaseException as error:  # told to whoever asks for the result
            self._error = error
        finally:
            del self._job
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; tell whether the work has ended."""
        return self._done.wait(seconds)

    def result(self) -> T:
        """What came out; raises what went wrong. Only after the work has ended."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def stop(self) -> None:
        """Ask the work to end; it does with its next sign of progress."""
        self.progress.stopped.set()
