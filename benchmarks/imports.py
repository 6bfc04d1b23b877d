"""A list of training records imported with a chained trail entry per fact, beside the best hand-written code.

    python -m benchmarks.imports [--people 500] [--items 300] [--postgresql URL]

The limit reads the same CSV, looks people and items up in dictionaries, and inserts the facts and one hashed entry
for each into tables with the same indexes, in one transaction, without guards, checks or reconciliation.
"""

import argparse
import csv
import io
import json
import sqlite3
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from app import create_app
from app.extensions import db
from app.safeguards.context import acting
from app.services import importing
from app.services.importing import commit
from app.services.importing.reading import read_table
from app.services.installation import install
from tests.cast import context_of
from tests.conftest import settings_for

MAY = frozenset({("imports", "commit"), ("training", "migrate")})
DAY = date(2024, 1, 1)
COMPLETION = (
    "id, person_id, item_id, version_id, completed_at, method, result, language, origin, recorded_at, voided_at"
)


def lists(people: int, items: int) -> dict[str, str]:
    """Return the files of a company in which 90 of 100 people × items are trained."""
    pairs = [(p, i) for p in range(people) for i in range(items) if (p * 7 + i * 13) % 10]
    return {
        "units": "kind,code,name\n" + "".join(f"job_function,F{n},Function {n}\n" for n in range(40)),
        "people": "employee_no,name,hired_on\n" + "".join(f"E{n:05},Person {n},2020-01-01\n" for n in range(people)),
        "memberships": "employee_no,kind,code,from\n"
        + "".join(f"E{n:05},job_function,F{n % 40},2020-01-01\n" for n in range(people)),
        "documents": "code,title,type,version,approved_on,effective_on\n"
        + "".join(f"SOP-{n:04},Procedure {n},SOP,1,2020-01-01,2020-01-15\n" for n in range(items)),
        "requirements": "item,units,from\n"
        + "".join(f"SOP-{n:04},job_function:F{(n + k) % 40},2020-01-01\n" for n in range(items) for k in range(5)),
        "completions": "employee_no,item,version,completed_at,method,language,origin\n"
        + "".join(
            f"E{p:05},SOP-{i:04},1,{DAY + timedelta((p * 31 + i * 17) % 700)},read,en,old system\n" for p, i in pairs
        ),
    }


def by_hand(path: Path, text: str, indexes: list[str], people: int, items: int) -> float:
    """Return the seconds of the limit."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    for statement in indexes:
        connection.execute(statement)
    start = time.perf_counter()
    numbers = {f"E{n:05}": n for n in range(people)}
    codes = {f"SOP-{n:04}": n for n in range(items)}
    rows: list[tuple[Any, ...]] = []
    now = "2026-03-10 09:00:00.000000"
    reader = csv.reader(io.StringIO(text))
    next(reader)
    for number, (person, item, _, day, method, language, origin) in enumerate(reader, 1):
        one, other = numbers[person], codes[item]
        rows.append(
            (number, one, other, other, f"{day} 00:00:00.000000", method, "passed", language, origin, now, "9999-12-31")
        )
    entries, link = [], ""
    for row in rows:
        body = json.dumps(row)
        link = sha256((link + body).encode()).hexdigest()
        entries.append((row[0], "completions", row[0], now, "ada", body, link))
    connection.execute("BEGIN IMMEDIATE")
    marks = ",".join("?" * 11)
    connection.executemany(f"INSERT INTO completions ({COMPLETION}) VALUES ({marks})", rows)
    connection.executemany("INSERT INTO entries VALUES (?,?,?,?,?,?,?)", entries)
    connection.execute("COMMIT")
    return time.perf_counter() - start


TABLES = [
    f"CREATE TABLE completions ({COMPLETION.replace('id,', 'id INTEGER PRIMARY KEY,', 1)})",
    "CREATE INDEX c1 ON completions (person_id, item_id, version_id, completed_at, result, recorded_at, voided_at)",
    "CREATE INDEX c2 ON completions (item_id, person_id, version_id, completed_at, result, voided_at)",
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, tab, record, at, actor, body, leaf)",
    "CREATE INDEX e1 ON entries (tab, record)",
    "CREATE INDEX e2 ON entries (at)",
]


def ours(folder: Path, url: str, files: dict[str, str]) -> dict[str, float]:
    """Return the seconds of each list, of the completions again, and of reconciling, in a fresh installation."""
    app = create_app(settings_for(folder, url))
    seconds: dict[str, float] = {}
    with app.app_context(), acting(context_of(permissions=MAY, clock=lambda: datetime.now(UTC))):
        install(db.session, db.engine)
        db.session.commit()
        for kind in (*files, "completions"):
            start = time.perf_counter()
            table = read_table(f"{kind}.csv", files[kind].encode())
            plan, _ = commit.check_and_write(
                db.session(),
                lambda kind=kind, table=table: importing.check(db.session(), kind, table, "UTC"),
                "Benchmark",
            )
            db.session.commit()
            name = kind if kind not in seconds else f"{kind} again ({plan.changes} changes)"
            seconds[name] = time.perf_counter() - start
        db.session.remove()
        db.engine.dispose()
    return seconds


def main() -> None:
    """Print ours beside the limit, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--postgresql", help="address of an empty database")
    options = parser.parse_args()
    files = lists(options.people, options.items)
    rows = files["completions"].count("\n") - 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        limit = by_hand(folder / "limit.db", files["completions"], TABLES, options.people, options.items)
        print(f"{rows:,} completions; limit {limit:.1f} s ({rows / limit:,.0f} facts/s), reconciling not in it")
        for url in (f"sqlite:///{folder / 'ours.db'}", *([options.postgresql] if options.postgresql else [])):
            for kind, taken in ours(folder, url, files).items():
                ratio = f"{taken / limit:5.1f}× limit" if kind.startswith("completions") else ""
                print(f"{url.split(':')[0]:12} {kind:34} {taken:7.2f} s  {ratio}")


if __name__ == "__main__":
    main()
