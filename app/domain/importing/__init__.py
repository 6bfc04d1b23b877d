"""Recognizes the training matrix that a company already has, as it is. Pure: grids in, readings out.

The public door of the package. A service reads the file into :class:`Grid` objects (``app.services.spreadsheets``) and
the words into a :class:`Vocabulary` (``app.services.vocabularies``); :func:`recognize` does the rest.
"""

from app.domain.importing.grid import CellError, Grid, Span, address, column_letters, column_number, encode, make_grid
from app.domain.importing.meanings import COUNTERS, DETAILS, CodeMeaning
from app.domain.importing.reading import VERDICTS, Fact, Item, Place, Question, SheetReading, Subject, WorkbookReading
from app.domain.importing.vocabulary import Vocabulary
from app.domain.importing.wordlists import build_vocabulary
from app.domain.importing.workbooks import recognize

__all__ = [
    "COUNTERS",
    "DETAILS",
    "VERDICTS",
    "CellError",
    "CodeMeaning",
    "Fact",
    "Grid",
    "Item",
    "Place",
    "Question",
    "SheetReading",
    "Span",
    "Subject",
    "Vocabulary",
    "WorkbookReading",
    "address",
    "build_vocabulary",
    "column_letters",
    "column_number",
    "encode",
    "make_grid",
    "recognize",
]
