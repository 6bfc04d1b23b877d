"""What changed between two texts, by line and, within a changed line, by word (DOC-5).

The result is plain data; the page turns it into ``<ins>`` and ``<del>`` with words for those who do not see colors.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "added", "removed"]
WORD = re.compile(r"\s+|\w+|[^\w\s]", re.UNICODE)
WORDS_COMPARED = 4000
"""A changed passage with more words than this on one side is shown as removed and added whole: comparing it word by
word costs the square of its length and helps nobody."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text within a line that is the same in both, added or removed."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the comparison. ``old`` and ``new`` are its numbers in the two texts, from 1; None where it is not.

    ``kind`` is "changed" when words within the line differ; its ``pieces`` then hold the words of both.
    """

    kind: Literal["same", "added", "removed", "changed", "skipped"]
    old: int | None
    new: int | None
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The line as plain text, removed words included."""
        return "".join(piece.text for piece in self.pieces)


def compare(old: str, new: str) -> list[Line]:
    """Return the lines of both texts in reading order, each marked as same, added, removed or changed.

    Putting together what is not removed gives ``new`` line by line; what is not added gives ``old``. Differences of
    white space at line ends are not shown.
    """
    before = [line.rstrip() for line in old.splitlines()]
    after = [line.rstrip() for line in new.splitlines()]
    lines: list[Line] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            lines += [Line("same", i1 + k + 1, j1 + k + 1, (Piece("same", before[i1 + k]),)) for k in range(i2 - i1)]
        else:
            lines += _replaced(before, after, (i1, i2), (j1, j2))
    return lines


def _replaced(
    before: Sequence[str], after: Sequence[str], old: tuple[int, int], new: tuple[int, int]
) -> Iterator[Line]:
    """Pair the lines of a replaced block one to one as long as both sides have some, then list the rest."""
    (i1, i2), (j1, j2) = old, new
    paired = min(i2 - i1, j2 - j1)
    for k in range(paired):
        yield _changed(before[i1 + k], after[j1 + k], i1 + k + 1, j1 + k + 1)
    for i in range(i1 + paired, i2):
        yield Line("removed", i + 1, None, (Piece("removed", before[i]),))
    for j in range(j1 + paired, j2):
        yield Line("added", None, j + 1, (Piece("added", after[j]),))


def _changed(old: str, new: str, old_number: int, new_number: int) -> Line:
    a, b = WORD.findall(old), WORD.findall(new)
    if max(len(a), len(b)) > WORDS_COMPARED:
        return Line("changed", old_number, new_number, (Piece("removed", old), Piece("added", new)))
    pieces: list[Piece] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(a[i1:i2])))
            continue
        if i2 > i1:
            pieces.append(Piece("removed", "".join(a[i1:i2])))
        if j2 > j1:
            pieces.append(Piece("added", "".join(b[j1:j2])))
    return Line("changed", old_number, new_number, tuple(pieces))


def condensed(lines: Sequence[Line], around: int = 3) -> list[Line]:
    """Return ``lines`` without long unchanged stretches: ``around`` lines stay beside each change.

    A left-out stretch becomes one line of kind "skipped" whose text is the number of lines left out.
    """
    keep = [False] * len(lines)
    for index, line in enumerate(lines):
        if line.kind != "same":
            for near in range(max(0, index - around), min(len(lines), index + around + 1)):
                keep[near] = True
    shown: list[Line] = []
    left_out = 0
    for line, kept in zip(lines, keep, strict=True):
        if kept:
            if left_out:
                shown.append(Line("skipped", None, None, (Piece("same", str(left_out)),)))
                left_out = 0
            shown.append(line)
        else:
            left_out += 1
    if left_out and shown:
        shown.append(Line("skipped", None, None, (Piece("same", str(left_out)),)))
    return shown


def count_changes(lines: Sequence[Line]) -> tuple[int, int]:
    """Return how many words were added and how many removed."""
    added = sum(_words(piece) for line in lines for piece in line.pieces if piece.kind == "added")
    removed = sum(_words(piece) for line in lines for piece in line.pieces if piece.kind == "removed")
    return added, removed


def _words(piece: Piece) -> int:
    return len(piece.text.split())
