"""Large answers without the collector's interest on every object."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause Python's cycle collector while many small, acyclic objects are made.

    It would visit half a million facts over and over and find nothing; a whole company's answer takes a third less.
    """
    was_running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_running:
            gc.enable()
