"""The closed list of what a cell can mean, and the finer details behind it.

A cell means exactly one of :data:`COUNTERS`. The *detail* keeps what the coarse meaning loses: "required before start"
and "in progress" are both *required*, with different details. ``docs/importing.md`` explains the list to users.
"""

from typing import NamedTuple

from app.domain.text import Phrase

REQUIRED, HELD, HELD_WITH_DATE, NOT_REQUIRED = "required", "held", "held_with_date", "not_required"
LEVEL, NOT_APPLICABLE, UNKNOWN, ERROR = "level", "not_applicable", "unknown", "error"
COUNTERS = (REQUIRED, HELD, HELD_WITH_DATE, NOT_REQUIRED, LEVEL, NOT_APPLICABLE, UNKNOWN, ERROR)

DETAILS: dict[str, str] = {
    "required": REQUIRED,
    "before_start": REQUIRED,
    "read": REQUIRED,
    "training": REQUIRED,
    "in_progress": REQUIRED,
    "not_started": REQUIRED,
    "planned": REQUIRED,
    "expired": REQUIRED,
    "order": REQUIRED,
    "days": REQUIRED,
    "recurring": REQUIRED,
    "held": HELD,
    "equivalent": HELD,
    "teaches": HELD,
    "score": HELD,
    "date": HELD_WITH_DATE,
    "year": HELD_WITH_DATE,
    "expiry": HELD_WITH_DATE,
    "optional": NOT_REQUIRED,
    "on_request": NOT_REQUIRED,
    "not_required": NOT_REQUIRED,
    "consulted": NOT_REQUIRED,
    "informed": NOT_REQUIRED,
    "level": LEVEL,
    "not_applicable": NOT_APPLICABLE,
    "unknown": UNKNOWN,
    "date_unknown": HELD,
    "error": ERROR,
}


class CodeMeaning(NamedTuple):
    """Meaning of one code: coarse, fine, the level when it is one, how sure, and from where we know."""

    meaning: str
    detail: str
    confidence: float
    why: Phrase
    level: int | None = None


def under_heading(meaning: CodeMeaning, heading: str) -> CodeMeaning:
    """What a cell means under the heading "Required" or "Planned": a mark or a day there tells of no training."""
    if heading == "required" and meaning.detail in ("held", "teaches"):
        return CodeMeaning(
            REQUIRED, "required", meaning.confidence, Phrase("a mark under a heading that asks for the training")
        )
    if heading == "planned" and meaning.meaning in (HELD, HELD_WITH_DATE):
        return CodeMeaning(
            REQUIRED, "planned", meaning.confidence, Phrase("a day or mark under a heading for what is planned")
        )
    return meaning


def code_meaning(detail: str, confidence: float, why: Phrase, level: int | None = None) -> CodeMeaning:
    """The meaning that belongs to a detail."""
    return CodeMeaning(DETAILS[detail], detail, confidence, why, level)
