"""Processes of our own that do one thing with limits, tell how far they are, and end with whoever started them.

Imported by the parent and loaded by path in the process that opens files, so it needs the standard library alone.
"""

import os
import resource
import selectors
import subprocess
import time
from collections.abc import Callable
from threading import Thread

Tick = Callable[[int, int], bool]
"""Hears done and total (0 when that is not known); says whether to go on."""


def limit(memory: int, seconds: int) -> None:
    """In the process itself: take at most so many bytes of address space and seconds of CPU, and leave no core."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def end_with_parent() -> None:
    """In the process itself: end when standard input closes, which it does whatever becomes of the parent."""

    def wait() -> None:
        while os.read(0, 64):  # the bare descriptor: a buffered stream could not be closed while it is read
            pass
        os._exit(1)

    Thread(target=wait, daemon=True).start()


def tell(done: int, total: int) -> None:
    """In the process itself: say how far it is."""
    print(done, total, flush=True)


def start(command: list[str], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    """In the parent: start such a process."""
    return subprocess.Popen(  # noqa: S603 - our own scripts
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )


def follow(child: "subprocess.Popen[bytes]", tick: Tick | None, seconds: int) -> str | None:
    """Wait for a process that prints its progress; ``time`` or ``cancelled`` when it had to be stopped.

    A line is "done total". The process is dead when this returns or raises.
    """
    try:
        return _follow(child, tick, time.monotonic() + seconds)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream:
                stream.close()


def _follow(child: "subprocess.Popen[bytes]", tick: Tick | None, ends: float) -> str | None:
    assert child.stdout is not None
    done, total = 0, 0
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            left = ends - time.monotonic()
            if left <= 0:
                return "time"
            if selector.select(min(left, 0.5)):
                line = child.stdout.readline()
                if not line:
                    return None
                numbers = [int(word) for word in line.split() if word.isdigit()]
                done, total = (*numbers, 0, 0)[:2]
            if tick and not tick(done, total):
                return "cancelled"
