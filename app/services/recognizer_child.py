"""The process that recognizes a large workbook, so that the pages stay quick and its memory is given back.

Run as ``python -m app.services.recognizer_child REQUEST RESULT``: REQUEST is a JSON file that names the file of cells,
the corrections and the limits; RESULT becomes a file of ``readings``. Standard output carries progress lines.
It ends when the process that started it does.
"""

import json
import signal
import sys
from pathlib import Path

from app.domain.importing import recognize
from app.services import children
from app.services.readings import write_reading
from app.services.spreadsheets import read_grids
from app.services.vocabularies import load_vocabulary

NO_MEMORY = 3
TOO_MUCH = (NO_MEMORY, -signal.SIGKILL, -signal.SIGXCPU, -signal.SIGABRT)
"""Exit codes of a workbook that takes more memory or time than it may."""


def main() -> None:
    """Recognize what the request names and write the reading."""
    request = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    children.limit(request["memory"], request["seconds"])
    children.end_with_parent()
    with open(request["cells"], "rb") as stream:
        grids = read_grids(stream, request["name"])
    assert isinstance(grids, list)
    reading = recognize(grids, load_vocabulary(), request["choices"])
    write_reading(Path(sys.argv[2]), reading, children.tell)


if __name__ == "__main__":
    try:
        main()
    except MemoryError:
        sys.exit(NO_MEMORY)
