"""Which components a signing needs, and what a signature is worth later (T-200, T-70, T-100b)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.signing import (
    EARLIER,
    INVALID,
    VALID,
    Signer,
    Sitting,
    components_needed,
    digest,
    digest_of_text,
    locks,
    manifest,
    refusal,
    status,
)

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
IDLE = timedelta(minutes=15)
BOTH, PASSWORD_ONLY = ("username", "password"), ("password",)


def minutes(number: float) -> datetime:
    return NOW - timedelta(minutes=number)


def sitting(**changes: Any) -> Sitting:
    """A browser that signed two minutes ago and has been in use since."""
    values: dict[str, Any] = {"started_at": minutes(60), "last_seen_at": minutes(1), "last_signed_at": minutes(2)}
    return Sitting(**(values | changes))


@pytest.mark.req("21CFR11.200(a)(1)", "SIG-1")
@pytest.mark.parametrize(
    ("case", "browser", "needed"),
    [
        ("first signing", sitting(last_signed_at=None), BOTH),
        ("second in the series", sitting(), PASSWORD_ONLY),
        ("no browser at all", None, BOTH),
        ("after idle time", sitting(last_seen_at=minutes(15)), BOTH),
        ("just before idle time", sitting(last_seen_at=minutes(14.9)), PASSWORD_ONLY),
        ("after logout or lock", sitting(ended=True), BOTH),
        ("another address", sitting(same_place=False), BOTH),
        ("password changed since", sitting(changed_since=minutes(1)), BOTH),
        ("password changed before", sitting(changed_since=minutes(3)), PASSWORD_ONLY),
        ("half an hour without signing", sitting(last_signed_at=minutes(30)), BOTH),
        ("signed in an earlier session", sitting(started_at=minutes(1)), BOTH),
        ("clock set back", sitting(last_signed_at=NOW + timedelta(minutes=1)), BOTH),
    ],
)
def test_the_components_a_signing_needs(case: str, browser: Sitting | None, needed: tuple[str, ...]) -> None:
    assert components_needed(browser, NOW, IDLE) == needed, case


instants = st.integers(-10_000, 10_000).map(lambda seconds: NOW + timedelta(seconds=seconds))


@pytest.mark.req("21CFR11.200(a)(1)")
@given(
    st.builds(
        Sitting, started_at=instants, last_seen_at=instants, last_signed_at=st.none() | instants,
        changed_since=st.none() | instants, ended=st.booleans(), same_place=st.booleans(),
    )
)  # fmt: skip
def test_nobody_ever_signs_without_a_password(browser: Sitting) -> None:
    needed = components_needed(browser, NOW, IDLE)
    assert "password" in needed
    if "username" not in needed:
        assert browser.last_signed_at is not None
        assert browser.last_signed_at >= browser.started_at
        assert not browser.ended


@pytest.mark.req("21CFR11.300(d)")
def test_signing_locks_at_the_limit_and_not_before() -> None:
    assert [locks(failed, 3) for failed in (0, 1, 2, 3, 4)] == [False, False, False, True, True]
    assert locks(1, 0), "a limit of nothing still forgives nothing"


GOOD = Signer(active=True, identity_verified=True, must_change_password=False, signing_locked=False)


@pytest.mark.req("21CFR11.100(b)", "21CFR11.200(a)(3)", "SIG-3")
@pytest.mark.parametrize(
    ("signer", "may"),
    [
        (GOOD, True),
        (Signer(False, True, False, False), False),
        (Signer(True, False, False, False), False),
        (Signer(True, True, True, False), False),
        (Signer(True, True, False, True), False),
        (Signer(True, True, False, False, locked_until=minutes(-5)), False),
        (Signer(True, True, False, False, locked_until=minutes(5)), True),
        (Signer(True, True, False, False, valid_until=NOW), False),
    ],
    ids=["good", "inactive", "identity", "password set by another", "locked", "login locked", "lock over", "ended"],
)
def test_who_may_not_sign_at_all(signer: Signer, may: bool) -> None:
    assert (refusal(signer, NOW) is None) == may


@pytest.mark.req("21CFR11.70", "SIG-2")
def test_a_signature_is_worth_what_its_record_still_says() -> None:
    text = '{"record":{"a":1},"record_id":7,"record_type":"versions"}'
    signed = digest_of_text(text)
    mine = ("versions", 7)
    assert status(signed, text, mine, mine, unchanged=True) == VALID
    assert status(signed, text, mine, mine, unchanged=False) == EARLIER
    assert status(signed, text, mine, ("versions", 8), unchanged=True) == INVALID, "copied to another record"
    assert status(signed, text.replace("1", "2"), mine, mine, unchanged=True) == INVALID, "text altered"
    assert status("0" * 64, text, mine, mine, unchanged=True) == INVALID, "digest altered"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.req("21CFR11.70")
@given(st.dictionaries(st.text(), json_values), st.dictionaries(st.text(), json_values))
def test_different_contents_have_different_digests_and_the_order_of_fields_does_not_matter(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert digest(one) == digest(dict(reversed(list(one.items()))))
    assert (digest(one) == digest(other)) == _same_json(one, other)


def _same_json(one: Any, other: Any) -> bool:
    """JSON tells true from 1, Python does not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same_json(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same_json, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.req("21CFR11.200(a)(1)")
def test_a_manifest_is_the_same_whatever_the_order_of_its_records() -> None:
    parts = [("versions", 2, 1, "b" * 64), ("versions", 1, 4, "a" * 64)]
    assert manifest(parts) == manifest(reversed(parts))
    assert [row["record_id"] for row in manifest(parts)["records"]] == [1, 2]
