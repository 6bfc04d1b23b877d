"""Every kind of record says what it is: whose, what its columns are called, and that it is on the trail."""

from typing import Any

import pytest
from sqlalchemy import inspect

from app.models.base import AppendOnly, Dated, Fact, Record, Scoped, Shared

pytestmark = pytest.mark.req("CLI-1", "AUD-1")

WITHOUT_TRAIL = {"ImportWork", "LoginSession", "ReadingSession", "SigningChallenge"}
"""Kinds that only pass through: signs of life, seconds of reading, a challenge; what comes of them is on the trail."""


def kinds() -> list[type[Any]]:
    found = [mapper.class_ for mapper in Record.registry.mappers if issubclass(mapper.class_, Record)]
    return sorted((one for one in found if one.__module__.startswith("app.models")), key=lambda one: one.__name__)


@pytest.mark.parametrize("kind", kinds(), ids=lambda one: one.__name__)
def test_a_kind_of_record_belongs_to_a_client_or_says_that_it_is_shared(kind: type[Any]) -> None:
    assert issubclass(kind, Scoped) != issubclass(kind, Shared), "mark it Scoped, or Shared on purpose"


@pytest.mark.parametrize("kind", kinds(), ids=lambda one: one.__name__)
def test_every_column_that_a_person_may_see_has_a_label(kind: type[Any]) -> None:
    nameless = [column.name for column in inspect(kind).columns if not str(column.info.get("label", "")).strip()]
    assert not [name for name in nameless if name != "role_id"]


@pytest.mark.parametrize("kind", kinds(), ids=lambda one: one.__name__)
def test_every_kind_is_on_the_trail_or_is_named_here(kind: type[Any]) -> None:
    assert kind.__audited__ == (kind.__name__ not in WITHOUT_TRAIL)


@pytest.mark.parametrize("kind", kinds(), ids=lambda one: one.__name__)
def test_secrets_never_reach_forms_lists_or_the_trail_in_clear(kind: type[Any]) -> None:
    for column in inspect(kind).columns:
        if any(word in column.name for word in ("secret", "password_hash")):
            assert column.info.get("secret"), column.name
            assert column.info.get("internal"), column.name


@pytest.mark.parametrize("kind", kinds(), ids=lambda one: one.__name__)
def test_a_row_carries_its_version_so_that_no_update_is_lost(kind: type[Any]) -> None:
    version = inspect(kind).version_id_col
    assert version is not None
    assert version.name == "row_version"


@pytest.mark.parametrize("kind", kinds(), ids=lambda one: one.__name__)
def test_a_fact_is_never_also_edited(kind: type[Any]) -> None:
    assert not (issubclass(kind, Fact) and issubclass(kind, AppendOnly)), "a fact is withdrawn; nothing else changes"
    if issubclass(kind, Dated):
        assert {"starts_at", "ends_at"} <= set(inspect(kind).columns.keys())
