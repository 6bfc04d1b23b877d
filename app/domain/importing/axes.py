"""Which axis holds the people or job functions, and which the things to be trained on; decided by evidence, per
sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.importing.labels import split_label
from app.domain.importing.lexis import is_abbreviated_name, looks_like_name
from app.domain.importing.vocabulary import Vocabulary, is_cjk, normal, words_of

PERSON_FIELDS = ("person", "employee_no", "login", "email", "initials", "first_name", "last_name")
ROLE_FIELDS = ("role", "user_group")
_ITEM_FIELDS = ("item", "item_code", "item_title")
# Headers that name people in one company and anything else in the next.
_VAGUE = frozenset({"id", "no", "name", "nome", "nom"})


@dataclass(slots=True)
class Axis:
    """Evidence about the labels of an axis, each from 0 to about 2.

    ``unit`` is for things that need procedures and that people can be trained on as well: machines, rooms. They are
    subjects beside documents and items beside people. ``beside`` counts what is usual beside any subject.
    """

    person: float = 0.0
    role: float = 0.0
    item: float = 0.0
    unit: float = 0.0
    beside: float = 0.0

    @property
    def subject(self) -> float:
        """Evidence for people or job functions."""
        return max(self.person, self.role, self.unit) + self.beside

    @property
    def thing(self) -> float:
        """Evidence for courses, documents, skills."""
        return max(self.item, self.unit)

    @property
    def kind(self) -> str:
        """``person`` or ``role``, whichever the evidence favors."""
        return "person" if self.person > max(self.role, self.unit) else "role"


def judge_axis(
    labels: Sequence[str], captions: Sequence[str], vocabulary: Vocabulary, beside: Sequence[str] = ()
) -> Axis:
    """Weigh the labels of an axis. ``captions`` are texts that name the axis, such as the header over the row keys;
    ``beside`` are headers of further columns that describe its lines."""
    axis = Axis()
    texts = [text for text in labels if text][:400]
    if texts:
        number = len(texts)
        formed = [text for text in texts if looks_like_name(text, vocabulary)]
        axis.person += 0.7 * len(formed) / number
        axis.person += 0.8 * sum(vocabulary.has_given_name(text) for text in formed) / number
        axis.person += 0.3 * sum(_comma_name(text) for text in formed) / number
        axis.person += 0.5 * sum(is_abbreviated_name(text) for text in formed) / number
        axis.person += 0.9 * sum(_is_login(text, vocabulary) for text in texts) / number
        axis.person += 0.35 * sum(_is_lower_word(text) for text in texts) / number
        axis.person += 0.5 * sum(_is_initials(text, vocabulary) for text in texts) / number
        axis.role += 1.2 * sum(_is_role(text, vocabulary) for text in texts) / number
        axis.role += 0.9 * sum(_is_unit(text, vocabulary) for text in texts) / number
        axis.item += 1.1 * sum(_has_code(text) for text in texts) / number
        axis.item += 0.9 * sum(_is_item(text, vocabulary) for text in texts) / number
        axis.item += 0.25 * sum(len(text) > 25 for text in texts) / number
    for caption in captions:
        _judge_caption(axis, vocabulary.field_names(caption), normal(caption))
    for caption in beside:
        _judge_beside(axis, vocabulary.field_names(caption), normal(caption))
    return axis


def _judge_caption(axis: Axis, names: frozenset[str], text: str) -> None:
    """A text that names the axis itself."""
    sure = 1.2 if len(names - {"equipment"}) == 1 else 0.7
    if names & set(PERSON_FIELDS):
        axis.person += 0.5 if text in _VAGUE else sure
    if names & set(ROLE_FIELDS):
        axis.role += sure
    elif names & {"department", "site", "shift"}:
        axis.role += 0.9
    if "equipment" in names:
        axis.unit += sure
    elif names & set(_ITEM_FIELDS):
        axis.item += sure
    if names & {"hours", "validity", "version"}:
        axis.item += 0.5


def _judge_beside(axis: Axis, names: frozenset[str], text: str) -> None:
    """The header of a column that says something about the lines of the axis."""
    if names & {"employee_no", "login", "email", "initials", "first_name", "last_name", "person"}:
        axis.person += 0.5 if text in _VAGUE else (1.2 if len(names) == 1 else 0.7)
    if names & set(ROLE_FIELDS):
        axis.role += 1.2 if len(names) == 1 else 0.7
    if "equipment" in names:
        axis.unit += 0.3
    elif names == {"item_title"}:
        axis.item += 0.4
    elif names & set(_ITEM_FIELDS) - {"item_code"} or names == {"item_code"}:
        axis.item += 1.2 if len(names) == 1 else 0.7
    if names & {"hours", "validity", "version", "effective", "owner"}:
        axis.item += 0.5
    if names & {"department", "hire_date", "shift", "contract", "supervisor", "grade"}:
        axis.beside += 0.25


def _comma_name(text: str) -> bool:
    return text.count(",") == 1


def _is_login(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a text reads like a login: ``anna.berg``, ``j_ruiz``; no name of a column such as ``course_taken``."""
    if "@" in text:
        return True
    if not text.islower() or " " in text or len(text) <= 4 or not any(sign in text for sign in "._"):
        return False
    words = [word for word in words_of(text) if len(word) > 2]
    return len(words) < 2 or not any(
        word in vocabulary.meanings or word in vocabulary.fields or vocabulary.has_word("item", word) for word in words
    )


def _is_lower_word(text: str) -> bool:
    return text.isascii() and text.islower() and text.isalpha() and 3 < len(text) < 14


def _is_initials(text: str, vocabulary: Vocabulary) -> bool:
    known = vocabulary.has_word("item", text) or vocabulary.has_word("role", text)
    return len(text) == 2 and text.isalpha() and text.isupper() and not known


def _is_role(text: str, vocabulary: Vocabulary) -> bool:
    return vocabulary.has_word("role", text) and not _has_code(text)


def _is_unit(text: str, vocabulary: Vocabulary) -> bool:
    """Whether the whole text names a department."""
    return vocabulary.is_word("unit", text) and not vocabulary.has_word("role", text)


def _has_code(text: str) -> bool:
    label = split_label(text)
    return label.code is not None and any(c.isalpha() or c in ".-" for c in label.code)


def _is_item(text: str, vocabulary: Vocabulary) -> bool:
    return vocabulary.has_word("item", text) and not (vocabulary.has_word("role", text) and not is_cjk(text))


class Decision(NamedTuple):
    """Who stands where. ``margin`` is how much stronger the chosen reading is than the exchanged one, ``evidence`` what
    speaks for people or job functions on their axis."""

    subjects_in_rows: bool
    kind: str
    margin: float
    item_like: float
    evidence: float = 0.0


def decide(rows: Axis, columns: Axis) -> Decision:
    """Compare both readings; people in rows is the habit, so it wins a draw."""
    upright = rows.subject + columns.thing - 0.4 * (rows.item + columns.subject)
    across = columns.subject + rows.thing - 0.4 * (columns.item + rows.subject)
    in_rows = upright + 0.15 >= across
    subject, item = (rows, columns) if in_rows else (columns, rows)
    return Decision(in_rows, subject.kind, abs(upright + 0.15 - across), item.item, subject.subject)
