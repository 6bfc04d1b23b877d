"""A table in which every column has a name of its own, and the names that such columns can have."""

from dataclasses import dataclass, field

PERSON_FIELDS = ("person", "last_name", "employee_no", "login", "email", "initials", "first_name")
ROLE_FIELDS = ("role", "user_group", "department")
ITEM_FIELDS = ("item_code", "item", "item_title")


@dataclass(slots=True)
class ListTable:
    """The header row and what each column is. ``rows`` hold data; ``share`` is the part of the header that is
    understood; ``group`` is a row above the header that names groups of columns."""

    header: int | None
    fields: dict[int, str]
    rows: list[int] = field(default_factory=list)
    share: float = 0.0
    group: int | None = None

    @property
    def header_rows(self) -> list[int]:
        """The rows that label the columns: the header, and the row of groups above it."""
        return [row for row in (self.group, self.header) if row is not None]

    def first(self, *names: str) -> int | None:
        """The column of the first of these fields that the table has."""
        for name in names:
            for column, what in self.fields.items():
                if what == name:
                    return column
        return None

    def has(self, *names: str) -> bool:
        """Whether the table has one of these fields."""
        return self.first(*names) is not None
