"""One sheet while its workbook is being read."""

from dataclasses import dataclass, field

from app.domain.importing.listed import ListTable
from app.domain.importing.meanings import CodeMeaning
from app.domain.importing.reading import SheetReading
from app.domain.importing.sheet import Sheet


@dataclass(slots=True)
class Draft:
    """One sheet while the workbook is being read."""

    sheet: Sheet
    reading: SheetReading
    table: ListTable | None = None
    legend: dict[str, CodeMeaning] = field(default_factory=dict)
