"""The rule about passwords, alone (21 CFR 11.300, ASVS 5.0 6.2)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import RuleBroken
from app.domain.passwords import check_new_password, expired, normalized
from app.services.logins import common_passwords

pytestmark = pytest.mark.req("SEC-2")
NOW = datetime(2026, 3, 10, tzinfo=UTC)


def taken(password: str) -> bool:
    """Tell whether the rule takes a password of nobody in particular."""
    try:
        check_new_password(password, minimum=10, common=common_passwords())
    except RuleBroken:
        return False
    return True


@given(st.text(min_size=0, max_size=300))
def test_a_password_is_taken_or_refused_with_a_sentence_never_anything_else(password: str) -> None:
    refusal = None
    try:
        check_new_password(password, minimum=10, common=common_passwords(), personal=("Tom Trainee",))
    except RuleBroken as broken:
        refusal = broken
    assert (refusal is None) <= (len(normalized(password)) >= 10)
    assert refusal is None or (refusal.field == "password" and str(refusal).endswith("."))


@given(st.integers(min_value=-5, max_value=7))
def test_no_setting_allows_less_than_eight_characters(minimum: int) -> None:
    with pytest.raises(RuleBroken):
        check_new_password("kvzpq7x"[:7], minimum=minimum, common=())


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=64, max_size=64))
def test_sixty_four_characters_of_any_kind_are_accepted(password: str) -> None:
    if len(set(password)) < 10 or len(normalized(password)) > 256:
        return
    assert taken(password)


def test_no_kinds_of_characters_are_demanded() -> None:
    assert taken("onlylowercaseletters")


@pytest.mark.parametrize("password", ["qwertyuiop", "1q2w3e4r5t", "PASSWORD123", "12345678910"])
def test_what_is_guessed_first_is_refused_whatever_its_case(password: str) -> None:
    with pytest.raises(RuleBroken, match="first that are guessed"):
        check_new_password(password, minimum=8, common=common_passwords())


def test_the_same_password_from_another_keyboard_is_the_same() -> None:
    assert normalized("Å") == normalized("Å") == normalized("Å")


@given(st.integers(min_value=0, max_value=4000), st.integers(min_value=0, max_value=4000))
def test_a_password_expires_after_so_many_days_and_never_with_none(age: int, days: int) -> None:
    assert expired(NOW - timedelta(days=age), NOW, days) == (0 < days <= age)


def test_a_password_that_was_never_set_is_expired_where_passwords_expire() -> None:
    assert expired(None, NOW, 90)
    assert not expired(None, NOW, 0)
