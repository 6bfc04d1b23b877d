"""Responsibility charts: recognized by their letters, alone and combined (``A/R``, ``RA``, ``R, C``)."""

from collections import Counter
from collections.abc import Mapping, Sequence

from app.domain.importing import meanings as m
from app.domain.importing.meanings import CodeMeaning, code_meaning
from app.domain.importing.profile import Profile, profile_of
from app.domain.importing.sheet import Sheet
from app.domain.importing.tables import Table
from app.domain.text import Phrase

_LETTERS = {"R": "required", "A": "required", "C": "consulted", "I": "informed", "S": "required", "L": "required"}
_DASHES = ("-", "–", "—", "/")
_JOINTS = str.maketrans(",&;+ ", "/////")


def is_chart(profile: Profile) -> bool:
    """Whether the codes of a body are those of a responsibility chart: R and A, C or I, and hardly anything else."""
    letters: Counter[str] = Counter()
    known = 0
    for code, number in profile.codes.items():
        parts = [part for part in code.upper().translate(_JOINTS).split("/") if part]
        if len(parts) == 1 and 1 < len(code) <= 4 and set(code.upper()) <= set("RACI"):
            parts = list(code.upper())
        if set("".join(parts)) <= set(_LETTERS):
            known += number
        if parts and all(part in _LETTERS for part in parts):
            letters.update({part: number for part in parts})
    told = profile.total - sum(profile.marks[dash] for dash in _DASHES)
    return known >= 0.9 * told and {"R", "A"} <= set(letters) and bool({"C", "I"} & set(letters))


def with_letters(legend: Mapping[str, CodeMeaning]) -> dict[str, CodeMeaning]:
    """The letters of a chart added to a legend. R and A require, whatever words the legend has for them."""
    complete = dict(legend)
    for letter, detail in _LETTERS.items():
        if letter not in complete or complete[letter].meaning == m.UNKNOWN:
            complete[letter] = code_meaning(detail, 0.8, Phrase("the letters of a responsibility chart"))
    complete["R"] = complete["R"]._replace(meaning=m.REQUIRED)
    complete["A"] = complete["A"]._replace(meaning=m.REQUIRED)
    return complete


def in_letters(sheet: Sheet, table: Table, rows: Sequence[int]) -> bool:
    """Whether the cells of a table, in its upper part, are the letters of a responsibility chart."""
    grid = sheet.grid
    counts = Counter(grid.rows[row][column] for row in rows[:200] for column in table.columns)
    counts.pop(0, None)
    texts = ((grid.values[code], sheet.kinds.of_code[code], number) for code, number in counts.items())
    return is_chart(profile_of(texts, sheet.vocabulary))
