"""Who is qualified: our rule beside the best hand-written SQL for the same facts (PERFORMANCE.md, jobs C and D).

    python -m benchmarks.compliance [--people 10000] [--postgresql URL]

The hand-written statements know less than the rule (one recurrence, no leave, no orders, no equivalence) and are what
a specialist would write for this one company; they are the limit that ours is measured against.
"""

import argparse
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.services import compliance
from benchmarks.clock import best, clock_of, side_by_side
from benchmarks.company import NOW, Company, asking, default_path, fill_postgresql, fill_sqlite

PAST = NOW - timedelta(days=200)
PERSON, FUNCTION = 77, 5

NEED = """
WITH live AS (
  SELECT v.id AS version_id, v.item_id FROM versions v JOIN releases r ON r.version_id = v.id
  WHERE r.effective_from <= :t AND v.sequence >= (
    SELECT max(w.sequence) FROM versions w JOIN releases q ON q.version_id = w.id
    WHERE w.item_id = v.item_id AND q.effective_from <= :t AND (w.revision_class = 'major' OR w.sequence = 1))),
need AS (
  SELECT m.person_id, r.item_id, min(r.recurrence_months) AS months, min(m.starts_at) AS since
  FROM memberships m
  JOIN employments e ON e.person_id = m.person_id AND e.starts_at <= :t AND e.ends_at > :t AND e.voided_at > :k
  JOIN requirement_units u ON u.unit_id = m.unit_id JOIN requirements r ON r.id = u.requirement_id
  WHERE m.starts_at <= :t AND m.ends_at > :t AND m.recorded_at <= :k AND m.voided_at > :k
    AND r.starts_at <= :t AND r.ends_at > :t AND r.recorded_at <= :k AND r.voided_at > :k {narrow}
  GROUP BY m.person_id, r.item_id),
"""
CORRELATED = (
    NEED
    + """
held AS (
  SELECT need.*, (SELECT max(c.completed_at) FROM live JOIN completions c ON c.version_id = live.version_id
     WHERE live.item_id = need.item_id AND c.person_id = need.person_id AND c.item_id = need.item_id
       AND c.result = 'passed' AND c.completed_at <= :t AND c.recorded_at <= :k AND c.voided_at > :k) AS last
  FROM need)
"""
)
JOINED = (
    NEED
    + """
done AS (
  SELECT c.person_id, c.item_id, max(c.completed_at) AS last FROM completions c JOIN live USING (version_id)
  WHERE c.result = 'passed' AND c.completed_at <= :t AND c.recorded_at <= :k AND c.voided_at > :k
  GROUP BY c.person_id, c.item_id),
held AS (SELECT need.*, done.last FROM need LEFT JOIN done
         ON done.person_id = need.person_id AND done.item_id = need.item_id)
"""
)
STATUS = """
CASE WHEN last IS NULL THEN 'overdue' WHEN months IS NOT NULL AND last < :expired THEN 'expired'
     WHEN months IS NOT NULL AND last < :soon THEN 'due_soon' ELSE 'qualified' END"""


def limit(session: Session, at: datetime, narrow: str = "", rows: bool = False) -> Callable[[], Any]:
    """Return the hand-written question: counts by status, or the rows of a slice."""
    joined = session.get_bind().dialect.name == "postgresql" and not narrow
    select = f"SELECT item_id, {STATUS} FROM held" if rows else f"SELECT {STATUS}, count(*) FROM held GROUP BY 1"
    statement = text((JOINED if joined else CORRELATED).format(narrow=narrow) + select)
    values: dict[str, Any] = {
        "t": at,
        "k": NOW,
        "expired": _months_before(at),
        "soon": _months_before(at) + timedelta(30),
    }
    if session.get_bind().dialect.name == "sqlite":
        values = {name: value.strftime("%Y-%m-%d %H:%M:%S.%f") for name, value in values.items()}
    return lambda: session.execute(statement, values).all()


def _months_before(at: datetime) -> datetime:
    return at.replace(year=at.year - 2, hour=0, minute=0)


def measure(engine: Engine, company: Company, rounds: int) -> None:
    """Print limit, ours and their ratio for each question."""
    items = company.needs[company.function(PERSON)][:25]
    with asking(engine) as session:
        clock = clock_of(session.connection())
        one_function, one_person = f"AND m.unit_id = {FUNCTION}", f"AND m.person_id = {PERSON}"
        gate = one_person + f" AND r.item_id IN ({','.join(map(str, items))})"
        jobs: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = [
            ("company now", limit(session, NOW), lambda: compliance.counts(session, at=NOW)),
            ("company 200 days ago", limit(session, PAST), lambda: compliance.counts(session, at=PAST)),
            (
                "one function",
                limit(session, NOW, one_function),
                lambda: compliance.counts(session, at=NOW, unit_ids=[FUNCTION]),
            ),
            (
                "one person, rows",
                limit(session, NOW, one_person, rows=True),
                lambda: compliance.evaluate(session, at=NOW, people=[PERSON]),
            ),
            (
                "may P do T (25 items)",
                limit(session, NOW, gate, rows=True),
                lambda: compliance.may_perform(session, PERSON, items, NOW),
            ),
        ]
        counted = dict(limit(session, NOW)())
        found = compliance.counts(session, at=NOW)
        print(
            f"{engine.dialect.name}: {sum(found.values()):,} obligations; by hand {counted}, by the rule {dict(found)}"
        )
        for name, theirs, ours in jobs:
            many = rounds if name.startswith("company") else 5 * rounds
            floor, taken = side_by_side([theirs, ours], many, clock)
            print(f"  {name:24} limit {floor * 1000:10.2f} ms   ours {taken * 1000:10.2f} ms   × {taken / floor:6.2f}")
        people = range(1, min(2000, company.people) + 1)
        heat = best(lambda: compliance.heatmap(session, people, range(1, 501), NOW), rounds, clock)
        print(f"  heat map {len(people)} × 500 {'':14} ours {heat * 1000:10.2f} ms")


def main() -> None:
    """Measure on SQLite, and on PostgreSQL when an address is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgresql", default=os.environ.get("QUALGATE_BENCH_POSTGRESQL"))
    options, _ = parser.parse_known_args()
    company = Company(options.people)
    measure(fill_sqlite(default_path(options.people), company), company, options.rounds)
    if options.postgresql:
        measure(fill_postgresql(options.postgresql, Company(options.people)), company, options.rounds)


if __name__ == "__main__":
    main()
