"""Sub-headings that divide an item into columns ("Date", "Expiry", "Trainer" under every course), and where they
stand."""

from collections import Counter

from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import Vocabulary, normal

_SUBS = (
    "expiry",
    "planned",
    "date",
    "target_level",
    "level",
    "trainer",
    "signature",
    "comment",
    "score",
    "status",
    "required",
    "version",
    "hours",
    "validity",
    "sequence",
    "total",
)


def sub_field(vocabulary: Vocabulary, text: str) -> str:
    """What a sub-heading is about: ``date``, ``level``, ``trainer`` …; empty when no word tells."""
    names = vocabulary.field_names(text)
    if "required" in names and vocabulary.is_word("sample", text):  # "Y/N" asks whether the training is there
        return "status"
    return next((name for name in _SUBS if name in names), "")


def is_sub(vocabulary: Vocabulary, text: str) -> bool:
    """Whether a text is a usual sub-heading, first training and refresher included."""
    return bool(sub_field(vocabulary, text)) or _first_or_again(vocabulary, text)


def _first_or_again(vocabulary: Vocabulary, text: str) -> bool:
    return vocabulary.is_word("first_training", text) or vocabulary.is_word("refresher", text)


def rhythm(sheet: Sheet, row: int, columns: list[int]) -> bool:
    """Whether the labels of a row repeat in a fixed rhythm, so that they are sub-headings.

    Columns without a label may stand between them, where every label names what a sub-heading can be about: not every
    course has an expiry.
    """
    names = [normal(sheet.text(row, column)) for column in columns]
    counts = Counter(name for name in names if name)
    period = len(counts)
    if period == 1 and len(columns) >= 3:
        return bool(sheet.vocabulary.field_names(names[0])) and all(names)
    if not all(names) and len(set(names)) > 1:
        return _with_gaps(sheet, row, columns, names)
    if len(columns) < 4 or period < 2 or period > len(columns) // 2:
        return False
    steps = [a == b for a, b in zip(names, names[period:], strict=False)]
    return bool(steps) and sum(steps) >= 0.8 * len(steps)


def _with_gaps(sheet: Sheet, row: int, columns: list[int], names: list[str]) -> bool:
    filled = [name for name in names if name]
    subs = [name for name in filled if is_sub(sheet.vocabulary, name)]
    if len(filled) < 2 or len(subs) < 0.8 * len(filled):
        return False
    above = labelled_above(sheet, row, columns)
    if above is None:
        return False
    gaps = [column for column, name in zip(columns, names, strict=True) if not name]
    return sum(bool(sheet.spread(above, column)) for column in gaps) >= 0.8 * len(gaps)


def labelled_above(sheet: Sheet, row: int, columns: list[int]) -> int | None:
    """The nearest row above, at most three away, with at least two labels over these columns."""
    for above in range(row - 1, max(-1, row - 4), -1):
        own = [c for c in columns if (span := sheet.merged(above, c)) is None or (span.top, span.left) == (above, c)]
        if sum(sheet.is_label(above, c) for c in own) >= 2:
            return above
    return None


def with_subs(sheet: Sheet, row: int, labels: dict[int, str]) -> dict[int, str]:
    """The labels of a row, filled to the right over columns that only the sub-headings in the next row label."""
    if row + 1 >= sheet.height:
        return labels
    below = [c for c in sheet.filled(row + 1) if c not in labels]
    if not below or not all(is_sub(sheet.vocabulary, sheet.text(row + 1, c)) for c in below):
        return labels
    more = dict(labels)
    for column in below:
        left = max((c for c in labels if c < column), default=None)
        if left is not None and column - left <= 6 and sheet.text(row + 1, left):
            more[column] = labels[left]
    return more
