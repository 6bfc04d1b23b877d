"""Measures by processor time, so that figures taken on a busy machine can be compared.

Counted is what this process used and, on PostgreSQL, what the server process behind the connection used. A server that
cannot be seen from here (another host) is left out, and waiting for a disk is left out everywhere.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from sqlalchemy import Connection

Clock = Callable[[], float]


def clock_of(connection: Connection) -> Clock:
    """Return a clock, in seconds, for work done through ``connection``; its server process works alone from now on."""
    if connection.dialect.name != "postgresql":
        return process_time
    connection.exec_driver_sql("SET max_parallel_workers_per_gather = 0")
    used = Path(f"/proc/{connection.exec_driver_sql('SELECT pg_backend_pid()').scalar()}/schedstat")
    if not used.exists():
        return process_time
    return lambda: process_time() + int(used.read_text().split()[0]) / 1e9


def best(work: Callable[[], Any], rounds: int, clock: Clock = process_time) -> float:
    """Return the least time that ``work`` took."""
    return side_by_side([work], rounds, clock)[0]


def side_by_side(jobs: Sequence[Callable[[], Any]], rounds: int, clock: Clock = process_time) -> list[float]:
    """Return the least time that each of ``jobs`` took, measured in turns, so that a busy minute troubles them alike.

    What takes little is repeated, and the mean counts as one round.
    """
    repeats, least = [], [float("inf")] * len(jobs)
    for work in jobs:
        start = perf_counter()
        work()
        repeats.append(max(1, min(100, int(0.05 / max(perf_counter() - start, 1e-6)))))
    for _ in range(rounds):
        for place, work in enumerate(jobs):
            start = clock()
            for _ in range(repeats[place]):
                work()
            least[place] = min(least[place], (clock() - start) / repeats[place])
    return least
