"""The questions about training are answered from an index alone; without it they take forty times as long."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.safeguards.context import acting
from app.services import compliance
from tests.cast import NOW, context_of
from tests.conftest import House
from tests.matrix.test_whatif import operators_need

pytestmark = pytest.mark.req("MTX-3")


@contextmanager
def plans(session: Session, table: str = "completions") -> Iterator[list[str]]:
    """Collect SQLite's plan of every statement that reads the table, its steps on that table alone."""
    found: list[str] = []
    engine = session.get_bind()

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if f"FROM {table}" in statement:
            own = cursor.connection.cursor()
            own.execute("EXPLAIN QUERY PLAN " + statement, parameters)
            found.extend(row[3] for row in own.fetchall() if table in row[3].split())
            own.close()

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def test_a_survey_of_the_company_reads_the_covering_index_alone(house: House) -> None:
    with acting(context_of()):
        operators_need(house.session)
        with plans(house.session) as found:
            compliance.counts(house.session, at=NOW)
    assert found[0] == "SCAN completions USING COVERING INDEX ix_completions_cover"
    assert all("USING" in step and "INDEX" in step for step in found)


def test_one_person_is_found_by_index(house: House) -> None:
    with acting(context_of()):
        item, _ = operators_need(house.session)
        with plans(house.session) as found:
            compliance.may_perform(house.session, 8, [item.id], NOW)
    assert found
    assert all(step.startswith("SEARCH completions USING") and "ix_completions" in step for step in found), found


def test_the_matrix_rows_of_one_person_are_found_by_the_units_held(house: House) -> None:
    with acting(context_of()):
        operators_need(house.session)
        with plans(house.session, "requirements") as found:
            compliance.evaluate(house.session, at=NOW, people=[8])
    assert "SEARCH requirements USING INTEGER PRIMARY KEY (rowid=?)" in found, found


def test_one_person_and_task_take_few_statements(house: House) -> None:
    said: list[str] = []
    engine = house.session.get_bind()

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        said.append(statement)

    with acting(context_of()):
        item, _ = operators_need(house.session)
        event.listen(engine, "before_cursor_execute", note)
        try:
            compliance.may_perform(house.session, 8, [item.id], NOW)
        finally:
            event.remove(engine, "before_cursor_execute", note)
    assert len(said) <= 9, said
