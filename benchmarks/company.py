"""A company of full size to measure with: 10,000 people, 120 functions, 600 documents, 60 obligations, 3 versions.

``fill`` makes the tables of the models and fills them by the fastest way there is, past trail and guards: it is the
stage, not what is measured. The same seed gives the same company on SQLite and PostgreSQL.
"""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from app import models  # noqa: F401  maps the tables
from app.safeguards.context import Context, acting

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
START = datetime(2023, 1, 1, tzinfo=UTC)
ITEMS, FUNCTIONS, EACH = 600, 120, 60
VERSIONS = (START, datetime(2024, 3, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC))

Row = tuple[Any, ...]


class Company:
    """The rows of every table, made up from a seed."""

    def __init__(self, people: int = 10_000, items: int = ITEMS, each: int = EACH, seed: int = 1) -> None:
        self.people = people
        self.items = items
        self.random = Random(seed)
        numbers = range(1, items + 1)
        self.needs = {function: sorted(self.random.sample(numbers, each)) for function in range(2, FUNCTIONS + 2)}
        self.classes = {
            (item, sequence): self.random.choice(["major", "major", "minor"]) if sequence > 1 else "major"
            for item in numbers
            for sequence in (1, 2, 3)
        }

    def tables(self) -> Iterator[tuple[str, tuple[str, ...], Iterable[Row]]]:
        """Yield table, columns and rows, in the order of their foreign keys."""
        known = ("recorded_at", "voided_at", "row_version")
        facts = (START, FOREVER, 1)
        people = range(1, self.people + 1)
        yield (
            "units",
            ("id", "kind", "code", "name", "time_zone", "active", "row_version"),
            [(1, "site", "MAIN", "Main site", "Europe/Berlin", True, 1)]
            + [(f, "job_function", f"F{f}", f"Function {f}", None, True, 1) for f in self.needs],
        )
        yield (
            "people",
            ("id", "employee_no", "name", "site_id", "languages", "row_version"),
            [(p, f"E{p:05}", f"Person {p}", 1, "en", 1) for p in people],
        )
        span = ("person_id", "starts_at", "ends_at", *known)
        yield "employments", ("id", *span), [(p, p, self.hired(p), FOREVER, *facts) for p in people]
        yield (
            "memberships",
            ("id", "unit_id", *span),
            [(p, self.function(p), p, self.hired(p), FOREVER, *facts) for p in people],
        )
        yield (
            "items",
            ("id", "code", "title", "kind", "row_version"),
            [(i, f"SOP-{i:04}", f"Procedure {i}", "document", 1) for i in range(1, self.items + 1)],
        )
        yield from self._versions()
        yield from self._matrix()
        yield (
            "completions",
            ("id", "person_id", "item_id", "version_id", "completed_at", "method", "result", *known),
            self._completions(),
        )

    def function(self, person: int) -> int:
        return 2 + person % FUNCTIONS

    def hired(self, person: int) -> datetime:
        return START + timedelta(days=person % 700)

    def _versions(self) -> Iterator[tuple[str, tuple[str, ...], Iterable[Row]]]:
        each = [
            (item, sequence, item * 3 - 3 + sequence) for item in range(1, self.items + 1) for sequence in (1, 2, 3)
        ]
        yield (
            "versions",
            ("id", "item_id", "sequence", "label", "state", "revision_class", "row_version"),
            [(v, i, s, str(s), "effective" if s == 3 else "superseded", self.classes[i, s], 1) for i, s, v in each],
        )
        yield (
            "releases",
            (
                "id",
                "item_id",
                "version_id",
                "training_from",
                "effective_from",
                "recorded_at",
                "voided_at",
                "row_version",
            ),
            [
                (v, i, v, VERSIONS[s - 1], VERSIONS[s - 1] + timedelta(days=i % 60), START, FOREVER, 1)
                for i, s, v in each
            ],
        )

    def _matrix(self) -> Iterator[tuple[str, tuple[str, ...], Iterable[Row]]]:
        rows = [(function, item) for function, items in self.needs.items() for item in items]
        columns = (
            "id", "item_id", "starts_at", "ends_at", "recurrence_months", "days_to_complete", "grace_days",
            "revision_grace_days", "proof", "recorded_at", "voided_at", "row_version",
        )  # fmt: skip
        yield (
            "requirements",
            columns,
            [
                (n, item, START, FOREVER, 24 if item % 2 else None, 30, 0, 0, "read", START, FOREVER, 1)
                for n, (_, item) in enumerate(rows, 1)
            ],
        )
        yield (
            "requirement_units",
            ("id", "requirement_id", "unit_id", "row_version"),
            [(n, n, function, 1) for n, (function, _) in enumerate(rows, 1)],
        )

    def _completions(self) -> Iterator[Row]:
        """Everybody was trained on every version; one in thirty missed one; a tenth of them twice."""
        number = 0
        draw = self.random.random
        for person in range(1, self.people + 1):
            hired = self.hired(person)
            for item in self.needs[self.function(person)]:
                for sequence, released in enumerate(VERSIONS, 1):
                    if draw() < 0.03:
                        continue
                    for _ in range(2 if draw() < 0.1 else 1):
                        number += 1
                        at = max(hired, released) + timedelta(
                            days=item % 60 + int(20 * draw()), minutes=int(1440 * draw())
                        )
                        yield (
                            number, person, item, item * 3 - 3 + sequence, at, "read", "passed", at, FOREVER, 1,
                        )  # fmt: skip


def fill_sqlite(path: Path, company: Company) -> Engine:
    """Make and fill a SQLite database at ``path``; nothing is done when it is there already."""
    engine = create_engine(f"sqlite:///{path}")
    if path.exists():
        return engine
    Model.metadata.create_all(engine)
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=OFF"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    for table, columns, rows in company.tables():
        marks = ",".join("?" * len(columns))
        connection.executemany(
            f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})", (tuple(map(_sqlite, row)) for row in rows)
        )
    connection.execute("COMMIT")
    connection.execute("ANALYZE")
    connection.close()
    return engine


def _sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return value.isoformat() if isinstance(value, date) else value


def fill_postgresql(url: str, company: Company) -> Engine:
    """Make and fill an empty PostgreSQL database; nothing is done when it has tables already."""
    engine = create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.has_table(connection, "completions"):
            return engine
    Model.metadata.create_all(engine)
    raw = engine.raw_connection()
    with raw.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        for table, columns, rows in company.tables():
            with cursor.copy(f"COPY {table} ({','.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
    raw.commit()
    raw.close()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    return engine


def default_path(people: int) -> Path:
    """Return where the SQLite company of this size is kept between runs."""
    return Path(tempfile.gettempdir()) / f"qualgate-bench-{people}.db"


@contextmanager
def asking(engine: Engine) -> Iterator[Session]:
    """Act as the benchmark, at its instant, in a session of its own."""
    context = Context(None, "bench", "Benchmark", source="bench", reason="measuring", clock=lambda: NOW)
    with acting(context), Session(engine) as session:
        yield session
