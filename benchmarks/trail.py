"""Bulk writes with a chained, signed entry for each row, beside the best hand-written insert without any trail.

python -m benchmarks.trail [--rows 10000] [--postgresql URL]
"""

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from app.safeguards import bulk
from app.safeguards.context import acting
from app.services.trail import verify
from tests.safeguards.conftest import SIGNER, ToyBox, actor, make_box
from tests.safeguards.toys import METADATA, NOW, Truth


def timed(work: Callable[[], object], rounds: int = 3) -> float:
    """Return the shortest of some runs, in seconds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def limit_sqlite(folder: Path, rows: int) -> float:
    """Return the time of a raw executemany of the same rows into the same columns, without trail or guards."""
    connection = sqlite3.connect(folder / "limit.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    columns = "id INTEGER PRIMARY KEY, what, starts_at, ends_at, recorded_at, voided_at, row_version"
    connection.execute(f"CREATE TABLE truths ({columns})")
    values = [("a fact", "2026-03-10 09:00:00.000000", "9999-12-31", "2026-03-10", "9999-12-31", 1)] * rows

    def work() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO truths (what, starts_at, ends_at, recorded_at, voided_at, row_version) VALUES (?,?,?,?,?,?)",
            values,
        )
        connection.execute("COMMIT")

    return timed(work)


def measure(box: ToyBox, rows: int) -> dict[str, float]:
    """Return the seconds of inserting and changing ``rows`` rows with trail, one transaction each."""
    values = [{"what": f"fact {n}", "starts_at": NOW} for n in range(rows)]
    result = {}
    with box.sessions() as session:

        def add() -> None:
            bulk.insert_many(session, Truth, values)
            session.commit()

        def withdraw() -> None:
            ids = session.scalars(select(Truth.id).where(Truth.void_reason.is_(None)).limit(rows)).all()
            changes = [{"id": number, "voided_at": NOW, "void_reason": "over"} for number in ids]
            assert bulk.update_many(session, Truth, changes) == rows
            session.commit()

        result["insert with trail"] = timed(add)
        result["update with trail"] = timed(withdraw)
    return result


def verified(box: ToyBox) -> float:
    """Return how many entries a second a full verification gets through, replay against the live rows included."""
    with box.engine.connect() as connection:
        start = time.perf_counter()
        verdict = verify(connection, {SIGNER.key_id: SIGNER.public}, {}, METADATA)
        assert verdict.sound
        return verdict.entries / (time.perf_counter() - start)


def main() -> None:
    """Print rows per second for each database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--postgresql", help="address of an empty database")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, acting(actor()):
        folder = Path(name)
        limit = options.rows / limit_sqlite(folder, options.rows)
        print(f"{'raw SQLite executemany, no trail':40} {limit:>10,.0f} rows/s")
        urls = [f"sqlite:///{folder / 'bench.db'}", *([options.postgresql] if options.postgresql else [])]
        for url in urls:
            box = make_box(url)
            for job, seconds in measure(box, options.rows).items():
                print(f"{box.engine.dialect.name + ': ' + job:40} {options.rows / seconds:>10,.0f} rows/s")
            print(f"{box.engine.dialect.name + ': verify and replay':40} {verified(box):>10,.0f} entries/s")
            box.engine.dispose()


if __name__ == "__main__":
    main()
