"""Headings inside a body: rows that name a part of the list and hold no cells; and positions that nobody holds."""

from itertools import pairwise

from app.domain.importing.vocabulary import Vocabulary


def heads_the_rest(cells: list[int], width: int) -> bool:
    """Whether rows without cells head the rows below them, by the number of cells in every row that has a key.

    The first is one, two never stand together, and the other rows are well filled, narrow tables completely. Where rows
    are filled thinly, a row without cells is somebody who has nothing.
    """
    full = [number for number in cells if number]
    if len(full) < 3 or width < 2 or cells[0]:
        return False
    apart = all(above or below for above, below in pairwise(cells))
    return apart and bool(cells[-1]) and sum(full) >= (0.6 if width >= 4 else 1.0) * len(full) * width


def vacant(key: str, people: bool, vocabulary: Vocabulary) -> bool:
    """Whether a key names a position nobody holds: "Vacant", and among people also "Vacant (posted 11/2)"."""
    if vocabulary.is_word("placeholder", key):
        return True
    return people and (vocabulary.starts_word("placeholder", key) or vocabulary.has_word("placeholder", key))
