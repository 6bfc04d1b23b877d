"""A revision that concerns 10,000 people: assignments with chained trail, beside hand-written inserts (job B).

    python -m benchmarks.fanout [--people 10000] [--postgresql URL of an empty database]

The limit writes the same assignments and as many hashed, chained rows by hand in one transaction, without guards.
"""

import argparse
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask_appbuilder import Model
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from app.models.documents import Release, Version
from app.models.organization import Unit
from app.safeguards import install
from app.safeguards.bulk import insert_many
from app.safeguards.context import Context, acting
from app.safeguards.database import migration
from app.safeguards.guards import install_guards
from app.safeguards.keys import Signer
from app.services.reconciler import reconcile
from benchmarks.clock import clock_of
from benchmarks.company import NOW, Company, fill_postgresql, fill_sqlite

CONTEXT = Context(None, "bench", "Benchmark", source="bench", reason="measuring", clock=lambda: NOW)


def guarded(engine: Engine) -> Callable[[], Session]:
    """Put the filled database under the safeguards, triggers included, and return its sessions."""
    sessions = writing(engine)
    with migration(engine) as connection:
        install_guards(connection, Model.metadata)
    return sessions


def writing(engine: Engine) -> Callable[[], Session]:
    """Return sessions that write through the safeguards."""
    sessions = sessionmaker(engine)
    install(sessions, engine, Signer.of(Ed25519PrivateKey.generate()))
    return sessions


def write_beside(url: str, name: str, begun: Any, stop: Any, told: Any) -> None:
    """Be another user in a process of one's own: one small write after the other, and how long each took (seconds)."""
    sessions, waits, number = writing(create_engine(url)), [], 0
    with acting(replace(CONTEXT, username="other")):
        while not stop.is_set():
            number += 1
            start = perf_counter()
            with sessions() as session:
                session.add(Unit(kind="department", code=f"{name}-{number}", name="Another department"))
                session.commit()
            waits.append(perf_counter() - start)
            begun.set()
            sleep(0.01)
    told.put(waits)


@contextmanager
def another_writer(engine: Engine, name: str) -> Iterator[list[float]]:
    """Let another process write meanwhile; the list holds how long each of its writes took once the block has ended."""
    processes = get_context("spawn")
    begun, stop, told = processes.Event(), processes.Event(), processes.Queue()
    url = engine.url.render_as_string(hide_password=False)
    other = processes.Process(target=write_beside, args=(url, name, begun, stop, told))
    other.start()
    begun.wait(60)
    waits: list[float] = []
    yield waits
    stop.set()
    waits += told.get(timeout=60)
    other.join()


def release(session: Session, item: int) -> None:
    """Approve a major version of an item that takes effect in three weeks."""
    (version,) = insert_many(session, Version, [{"item_id": item, "sequence": 4, "label": "4"}])
    effective = NOW + timedelta(days=21)
    released = {"item_id": item, "version_id": version, "training_from": NOW, "effective_from": effective}
    insert_many(session, Release, [released])


def by_hand(engine: Engine, people: int) -> float:
    """Return the seconds of writing as many assignments and chained hashes without guards, then undone."""
    with engine.connect() as connection:
        raw = connection.connection.cursor()
        mark = "?" if engine.dialect.name == "sqlite" else "%s"
        raw.execute("CREATE TEMPORARY TABLE IF NOT EXISTS by_hand_trail (id BIGINT, link TEXT, body TEXT)")
        clock = clock_of(connection)
        start = clock()
        raw.execute(
            f"SELECT person_id FROM completions WHERE item_id = 1 AND voided_at > {mark} GROUP BY person_id",
            (NOW.strftime("%Y-%m-%d"),),
        )
        known = {row[0] for row in raw.fetchall()}
        assignments, trail, link = [], [], b""
        for person in range(1, people + 1):
            body = f'{{"person_id":{person},"item_id":1,"state":"open","known":{person in known}}}'
            link = hashlib.sha256(link + body.encode()).digest()
            assignments.append((10**9 + person, person, 1, "closed", "revision", "[]", "read", str(NOW), 1))
            trail.append((person, link.hex(), body))
        marks = ",".join([mark] * 9)
        raw.executemany(
            "INSERT INTO assignments (id, person_id, item_id, state, trigger, reasons, proof, opened_at, row_version) "
            f"VALUES ({marks})",
            assignments,
        )
        raw.executemany(f"INSERT INTO by_hand_trail VALUES ({mark}, {mark}, {mark})", trail)
        taken = clock() - start
        connection.rollback()
    return taken


def measure(engine: Engine, people: int) -> None:
    """Print limit, ours and their ratio by processor time, and how long others waited."""
    floor = min(by_hand(engine, people) for _ in range(5))
    sessions = guarded(engine)
    with acting(CONTEXT), sessions() as session:
        reconcile(session)
        session.commit()
        for item in (2, 4, 6):
            release(session, item)
            session.commit()
            with another_writer(engine, f"I{item}") if item == 6 else nullcontext([]) as waits:
                clock = clock_of(session.connection())
                start, watch = clock(), perf_counter()
                changes = reconcile(session, items=[item], trigger="revision", source=f"SOP-{item:04} v4")
                session.commit()
                taken, watched = clock() - start, perf_counter() - watch
            start = clock()
            again = reconcile(session, items=[item], trigger="revision")
            idle = clock() - start
            session.commit()
            print(
                f"  {engine.dialect.name}: {changes.as_json()}  limit {floor:6.2f} s   ours {taken:6.2f} s   "
                f"× {taken / floor:5.2f}   again {idle:5.2f} s, {'nothing' if not again else again.as_json()}"
            )
            if waits:
                print(
                    f"  {engine.dialect.name}: within {watched:.2f} s another writer waited {max(waits) * 1000:.0f} ms "
                    f"at most, {sorted(waits)[len(waits) // 2] * 1000:.0f} ms in the middle ({len(waits)} small writes)"
                )


def main() -> None:
    """Measure on SQLite, and on PostgreSQL when an address is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--postgresql", default=os.environ.get("QUALGATE_BENCH_EMPTY_POSTGRESQL"))
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        small = Company(options.people, items=6, each=6)
        engine = fill_sqlite(Path(folder) / "fanout.db", small)
        engine.dispose()
        measure(create_engine(engine.url), options.people)
        if options.postgresql:
            measure(fill_postgresql(options.postgresql, Company(options.people, items=6, each=6)), options.people)


if __name__ == "__main__":
    main()
