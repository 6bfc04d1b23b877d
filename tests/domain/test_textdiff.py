"""What changed between two texts is shown whole and true (DOC-5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.textdiff import Line, compare, condensed, count_changes

WORDS = st.sampled_from(["wash", "hands", "for", "20", "seconds.", "gloves", "—", "ß", "  ", "Schritt 3:", "<b>"])
TEXTS = st.lists(st.lists(WORDS, max_size=6).map(" ".join), max_size=12).map("\n".join)

pytestmark = pytest.mark.req("DOC-5")


def side(lines: list[Line], leave_out: str) -> list[str]:
    """Put one of the two texts together again."""
    number = "old" if leave_out == "added" else "new"
    return [
        "".join(piece.text for piece in line.pieces if piece.kind != leave_out)
        for line in lines
        if getattr(line, number) is not None
    ]


def stripped(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


@given(TEXTS, TEXTS)
def test_both_texts_can_be_put_together_from_the_comparison(old: str, new: str) -> None:
    lines = compare(old, new)
    assert side(lines, leave_out="added") == stripped(old)
    assert side(lines, leave_out="removed") == stripped(new)


@given(TEXTS)
def test_equal_texts_show_no_change(text: str) -> None:
    lines = compare(text, text)
    assert {line.kind for line in lines} <= {"same"}
    assert count_changes(lines) == (0, 0)


@given(TEXTS, TEXTS)
def test_line_numbers_are_those_of_the_texts(old: str, new: str) -> None:
    lines = compare(old, new)
    assert [line.old for line in lines if line.old] == list(range(1, len(old.splitlines()) + 1))
    assert [line.new for line in lines if line.new] == list(range(1, len(new.splitlines()) + 1))


@given(TEXTS, TEXTS)
def test_the_short_form_keeps_every_change_and_counts_what_it_leaves_out(old: str, new: str) -> None:
    lines = compare(old, new)
    short = condensed(lines, around=1)
    assert [line for line in short if line.kind not in {"same", "skipped"}] == [
        line for line in lines if line.kind != "same"
    ]
    if not short:
        assert all(line.kind == "same" for line in lines), "equal texts have no short form"
        return
    left_out = sum(int(line.text) for line in short if line.kind == "skipped")
    assert left_out + sum(line.kind != "skipped" for line in short) == len(lines)


def test_a_changed_word_is_marked_and_its_neighbors_are_not() -> None:
    (line,) = compare("Wash hands for 20 seconds.", "Wash hands for 30 seconds.")
    assert [(piece.kind, piece.text) for piece in line.pieces] == [
        ("same", "Wash hands for "),
        ("removed", "20"),
        ("added", "30"),
        ("same", " seconds."),
    ]
    assert count_changes([line]) == (1, 1)
