"""Documents are numbered by their type's pattern and versions follow one another (DOC-1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import RuleBroken
from app.domain.numbering import code_from, next_label

pytestmark = pytest.mark.req("DOC-1")


@pytest.mark.parametrize(
    ("pattern", "number", "code"),
    [
        ("{type}-{number:04d}", 7, "SOP-0007"),
        ("{type}-{number}", 12345, "SOP-12345"),
        ("QA/{type}/{number:03d}", 1234, "QA/SOP/1234"),
    ],
)
def test_a_pattern_gives_the_code(pattern: str, number: int, code: str) -> None:
    assert code_from(pattern, number, type="SOP") == code


@pytest.mark.parametrize("pattern", ["{type}", "{type.__class__}-{number}", "{number", "{secret}-{number}", ""])
def test_a_pattern_that_cannot_be_read_is_refused_and_never_evaluated(pattern: str) -> None:
    with pytest.raises(RuleBroken):
        code_from(pattern, 1, type="SOP")


@pytest.mark.parametrize(
    ("previous", "revision_class", "label"),
    [
        (None, "major", "1"),
        ("3", "minor", "4"),
        ("03", "major", "04"),
        ("2.1", "major", "3.0"),
        ("2.1", "editorial", "2.2"),
        ("B", "major", "C"),
        ("Rev Z", "minor", "Rev Z.1"),
    ],
)
def test_the_next_version_is_labeled_after_the_last(previous: str | None, revision_class: str, label: str) -> None:
    assert next_label(previous, revision_class) == label


@given(st.text(max_size=20), st.sampled_from(["major", "minor", "editorial"]))
def test_a_label_never_follows_itself(previous: str, revision_class: str) -> None:
    assert next_label(previous, revision_class) != previous
