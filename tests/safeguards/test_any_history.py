"""Whatever is done in whatever order, replaying the trail gives the live rows (T-e2)."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule
from sqlalchemy import select

from app.domain.errors import RuleBroken
from app.safeguards import bulk, governed
from app.safeguards.context import acting
from app.services.trail import verify
from tests.safeguards.conftest import SIGNER, ToyBox, actor, make_box
from tests.safeguards.toys import METADATA, NOW, Box, Case, Shelf, Tag, Truth

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(lambda value: value.replace(tzinfo=UTC))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "label": TEXTS,
    "note": st.none() | TEXTS,
    "size": st.integers(-(2**31), 2**31 - 1),
    "weight": st.none() | st.decimals(-9999, 9999, places=3),
    "open": st.booleans(),
    "made_on": st.none() | st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    "seen_at": st.none() | MOMENTS,
    "extra": JSON,
    "blob": st.none() | st.binary(max_size=20),
    "secret": st.none() | TEXTS,
    "client_id": st.sampled_from([None, 1, 2]),
}
BOXES = st.fixed_dictionaries({"label": TEXTS}, optional={key: VALUES[key] for key in VALUES if key != "label"})
CHANGES = st.fixed_dictionaries({}, optional=VALUES).filter(bool)


class History(RuleBasedStateMachine):
    """Random creations, changes, withdrawals, savepoints, commits and rollbacks."""

    box: ToyBox

    boxes = Bundle("boxes")

    @initialize()
    def begin(self) -> None:
        self.acting = acting(actor())
        self.acting.__enter__()
        self.session = self.box.sessions()
        self.savepoints: list[Any] = []

    @rule(target=boxes, values=BOXES)
    def create(self, values: dict[str, Any]) -> int:
        made = Box(**values)
        self.session.add(made)
        self.session.flush()
        return made.id

    @rule(target=boxes, rows=st.lists(BOXES, min_size=1, max_size=4))
    def create_many(self, rows: list[dict[str, Any]]) -> int:
        return bulk.insert_many(self.session, Box, rows)[0]

    @rule(number=boxes, values=CHANGES)
    def change(self, number: int, values: dict[str, Any]) -> None:
        held = self.session.get(Box, number)
        if held is not None:
            for name, value in values.items():
                setattr(held, name, value)

    @rule(number=boxes, values=CHANGES)
    def change_in_bulk(self, number: int, values: dict[str, Any]) -> None:
        if self.session.get(Box, number) is not None:
            bulk.update_many(self.session, Box, [{"id": number, **values}])

    @rule(number=consumes(boxes))
    def remove(self, number: int) -> None:
        held = self.session.get(Box, number)
        if held is not None:
            self.session.delete(held)

    @rule(numbers=st.lists(boxes, max_size=3))
    def shelve(self, numbers: list[int]) -> None:
        held = [found for number in set(numbers) if (found := self.session.get(Box, number))]
        shelf = self.session.scalars(select(Shelf)).first() or Shelf(name="only")
        self.session.add(shelf)
        tags = self.session.scalars(select(Tag)).all()
        shelf.tags = list(tags[: len(numbers)]) if len(tags) > 2 else [*shelf.tags, Tag(name="t")]
        for box in held:
            box.shelf = shelf

    @rule(what=TEXTS, after=st.integers(0, 40))
    def tell_and_withdraw(self, what: str, after: int) -> None:
        truth = Truth(what=what, starts_at=NOW)
        self.session.add(truth)
        self.session.flush()
        if after:
            truth.voided_at, truth.void_reason = NOW + timedelta(days=after), "wrong"

    @rule(state=st.sampled_from(["draft", "open", "closed"]))
    def move_a_case(self, state: str) -> None:
        case = Case(title="c")
        self.session.add(case)
        with governed.transition(self.session):
            case.state = state

    @rule()
    def try_what_is_refused(self) -> None:
        self.session.flush()
        try:
            with self.session.begin_nested():
                self.session.add(Case(title="c", state="closed"))
                self.session.flush()
        except RuleBroken:
            pass

    @rule()
    def open_savepoint(self) -> None:
        self.savepoints.append(self.session.begin_nested())

    @rule(keep=st.booleans())
    def end_savepoint(self, keep: bool) -> None:
        if self.savepoints:
            savepoint = self.savepoints.pop()
            if keep:
                savepoint.commit()
            else:
                savepoint.rollback()

    @rule(keep=st.booleans())
    def end_transaction(self, keep: bool) -> None:
        self.savepoints.clear()
        if keep:
            self.session.commit()
            self.the_trail_replays_to_the_live_rows()
        else:
            self.session.rollback()

    def the_trail_replays_to_the_live_rows(self) -> None:
        with self.box.engine.connect() as connection:
            verdict = verify(connection, {SIGNER.key_id: SIGNER.public}, {}, METADATA)
        assert verdict.sound, [str(finding) for finding in verdict.findings]

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.savepoints.clear()
            self.session.commit()
            self.session.close()
            self.the_trail_replays_to_the_live_rows()
            self.acting.__exit__(None, None, None)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_any_history_replays(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'toys.db'}" if kind == "sqlite" else request.getfixturevalue("postgresql")("toys")
    box = make_box(url)
    machine = type("ThisHistory", (History,), {"box": box})
    examples = settings(max_examples=25, stateful_step_count=25, deadline=None)
    machine.TestCase.settings = examples  # type: ignore[attr-defined]
    machine.TestCase("runTest").runTest()  # type: ignore[attr-defined]
    box.engine.dispose()
