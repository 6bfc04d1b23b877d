"""Which axis holds the people or job functions, and which the things to be trained on; decided by evidence, per
sheet."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.importing.labels import split_label
from app.domain.importing.lexis import is_abbreviated_name, looks_like_name
from app.domain.importing.vocabulary import Vocabulary, is_cjk, normal

PERSON_FIELDS = ("person", "employee_no", "login", "email", "initials", "first_name", "last_name")
ROLE_FIELDS = ("role", "user_group")
_ITEM_FIELDS = ("item", "item_code", "item_title")


@dataclass(slots=True)
class Axis:
    """Evidence about the labels of one axis, each from 0 to about 2."""

    person: float = 0.0
    role: float = 0.0
    item: float = 0.0

    @property
    def subject(self) -> float:
        """Evidence for people or job functions."""
        return max(self.person, self.role)

    @property
    def kind(self) -> str:
        """``person`` or ``role``, whichever the evidence favors."""
        return "person" if self.person >= self.role else "role"


def judge_axis(labels: Sequence[str], captions: Sequence[str], vocabulary: Vocabulary) -> Axis:
    """Weigh the labels of an axis. ``captions`` are texts that name the axis, such as the header over the row keys."""
    axis = Axis()
    texts = [text for text in labels if text][:400]
    if texts:
        number = len(texts)
        formed = [text for text in texts if looks_like_name(text, vocabulary)]
        axis.person += 0.7 * len(formed) / number
        axis.person += 0.8 * sum(vocabulary.has_given_name(text) for text in formed) / number
        axis.person += 0.3 * sum(_comma_name(text) for text in formed) / number
        axis.person += 0.5 * sum(is_abbreviated_name(text) for text in formed) / number
        axis.person += 0.9 * sum(_is_login(text) for text in texts) / number
        axis.person += 0.35 * sum(_is_lower_word(text) for text in texts) / number
        axis.person += 0.5 * sum(_is_initials(text, vocabulary) for text in texts) / number
        axis.role += 1.2 * sum(_is_role(text, vocabulary) for text in texts) / number
        axis.item += 1.1 * sum(_has_code(text) for text in texts) / number
        axis.item += 0.9 * sum(_is_item(text, vocabulary) for text in texts) / number
        axis.item += 0.25 * sum(len(text) > 25 for text in texts) / number
    _judge_captions(axis, captions, vocabulary)
    return axis


def _judge_captions(axis: Axis, captions: Sequence[str], vocabulary: Vocabulary) -> None:
    for caption in captions:
        names = vocabulary.field_names(caption)
        if not names:
            continue
        sure = 1.2 if len(names) == 1 else 0.7
        if names & set(PERSON_FIELDS) and normal(caption) not in ("id", "no", "name", "nome", "nom"):
            axis.person += sure
        elif names & set(PERSON_FIELDS):
            axis.person += 0.5
        if names & set(ROLE_FIELDS):
            axis.role += sure
        if names & set(_ITEM_FIELDS):
            axis.item += sure
        if names & {"hours", "validity", "version"}:
            axis.item += 0.5
        if names & {"department", "hire_date", "shift", "contract", "supervisor", "grade"}:
            axis.person += 0.25


def _comma_name(text: str) -> bool:
    return text.count(",") == 1


def _is_login(text: str) -> bool:
    return "@" in text or (text.islower() and " " not in text and any(sign in text for sign in "._") and len(text) > 4)


def _is_lower_word(text: str) -> bool:
    return text.isascii() and text.islower() and text.isalpha() and 3 < len(text) < 14


def _is_initials(text: str, vocabulary: Vocabulary) -> bool:
    known = vocabulary.has_word("item", text) or vocabulary.has_word("role", text)
    return len(text) == 2 and text.isalpha() and text.isupper() and not known


def _is_role(text: str, vocabulary: Vocabulary) -> bool:
    return vocabulary.has_word("role", text) and not _has_code(text)


def _has_code(text: str) -> bool:
    label = split_label(text)
    return label.code is not None and any(c.isalpha() or c in ".-" for c in label.code)


def _is_item(text: str, vocabulary: Vocabulary) -> bool:
    return vocabulary.has_word("item", text) and not (vocabulary.has_word("role", text) and not is_cjk(text))


@dataclass(frozen=True, slots=True)
class Decision:
    """Who stands where. ``margin`` is how much stronger the chosen reading is than the exchanged one."""

    subjects_in_rows: bool
    kind: str
    margin: float
    item_like: float


def decide(rows: Axis, columns: Axis) -> Decision:
    """Compare both readings; people in rows is the habit, so it wins a draw."""
    upright = rows.subject + columns.item - 0.4 * (rows.item + columns.subject)
    across = columns.subject + rows.item - 0.4 * (columns.item + rows.subject)
    in_rows = upright + 0.15 >= across
    subject, item = (rows, columns) if in_rows else (columns, rows)
    kind = subject.kind
    if subject.person == subject.role == 0:
        kind = "person"
    return Decision(in_rows, kind, abs(upright + 0.15 - across), item.item)
