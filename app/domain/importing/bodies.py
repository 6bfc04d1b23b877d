"""The rows of a matrix, sorted."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Body:
    """Rows of data with the text of their key, and what else was found between and below them."""

    rows: list[int] = field(default_factory=list)
    keys: dict[int, str] = field(default_factory=dict)
    sections: dict[int, str] = field(default_factory=dict)
    foot: dict[int, str] = field(default_factory=dict)
    repeats: list[int] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)
    placeholders: int = 0
    odd: list[int] = field(default_factory=list)
