"""Several processes write at once: no lost update, no fork of the chain, no entry too many or too few."""

import os
import time
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm.exc import StaleDataError

from app.models.trail import AuditLink
from app.safeguards.context import acting
from app.services.trail import verify
from tests.safeguards.conftest import SIGNER, ToyBox, actor
from tests.safeguards.toys import METADATA, Box, Shelf

WRITERS, ROUNDS = 4, 12


@pytest.mark.req("AUD-3")
def test_writers_at_once_lose_nothing_and_keep_one_chain(box: ToyBox) -> None:
    with box.sessions() as session:
        counter = Box(label="counter")
        session.add(counter)
        session.commit()
        number = counter.id
        links = session.scalar(select(func.count()).select_from(AuditLink)) or 0
    box.engine.dispose()
    children = [_writer(box, number, name) for name in range(WRITERS)]
    for child in children:
        assert os.waitpid(child, 0)[1] == 0, "a writer failed"
    with box.sessions() as session:
        assert session.get_one(Box, number).size == WRITERS * ROUNDS
        assert session.scalar(select(func.count()).select_from(Shelf)) == WRITERS * ROUNDS
        assert session.scalar(select(func.count()).select_from(AuditLink)) == links + WRITERS * ROUNDS
    with box.engine.connect() as connection:
        verdict = verify(connection, {SIGNER.key_id: SIGNER.public}, {}, METADATA)
    assert verdict.sound, [str(finding) for finding in verdict.findings]


def _writer(box: ToyBox, number: int, name: int) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        with acting(actor(username=f"writer{name}")):
            for turn in range(ROUNDS):
                _once(box, number, f"{name}-{turn}")
        status = 0
    finally:
        os._exit(status)


def _once(box: ToyBox, number: int, shelf: str) -> None:
    """Count up by one and put up a shelf, again and again until nobody was faster."""
    while True:
        with box.sessions() as session:
            counter: Any = session.get(Box, number)
            counter.size += 1
            session.add(Shelf(name=shelf))
            try:
                session.commit()
            except StaleDataError:
                session.rollback()
                time.sleep(0.005)
                continue
            return
