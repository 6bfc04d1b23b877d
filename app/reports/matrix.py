"""The heat map on paper and in Excel, as it is seen (MTX-10)."""

from collections.abc import Iterable

from app.domain.text import Phrase
from app.reports.tables import Column, Report, Section
from app.reports.words import STATUSES
from app.services.heatmap import NOTHING, STATUS_OF, Picture

CELLS = {letter: STATUSES[status] for letter, status in STATUS_OF.items() if letter != NOTHING} | {NOTHING: ""}


def heatmap_report(picture: Picture, filters: Iterable[tuple[str, str]] = ()) -> Report:
    """Return the picture as a table: a row for each person, a column for each item, statuses in words."""
    columns = (
        Column(Phrase("Employee no.")),
        Column(Phrase("Person")),
        *(Column(code) for _, code, _ in picture.items),
    )
    rows = [
        (number, name, *map(CELLS.__getitem__, letters))
        for (_, name, number), letters in zip(picture.people, picture.rows, strict=True)
    ]
    return Report(
        Phrase("Training matrix"),
        (
            Section(Phrase("People by items"), columns, rows),
            Section(
                Phrase("Items"),
                (Column(Phrase("Item")), Column(Phrase("Title"))),
                [(code, title) for _, code, title in picture.items],
            ),
        ),
        filters=tuple(filters),
        as_of=picture.at,
        known_at=picture.known_at,
        file_name="training-matrix",
    )
