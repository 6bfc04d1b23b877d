"""The import of a matrix on its way through the pages: the stored file, its corrections and decisions, kept on the
import's record."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from app.domain.errors import BadInput
from app.models.importing import ImportRun
from app.services import files
from app.services.importing.runs import still_open
from app.services.importing.working import Telling, no_telling
from app.services.matrix_import.commit import DryRun, dry_run
from app.services.matrix_import.kept import Source
from app.services.matrix_import.mapping import clean_choices, fingerprint, load_mapping
from app.services.matrix_import.recognizing import Recognized


def read_upload(name: str, data: bytes, telling: Telling = no_telling) -> Recognized:
    """The workbook in an upload, recognized without corrections. Raises BadInput when it cannot be read."""
    return Source(name, sha256(data).hexdigest(), lambda: data).recognized({}, telling)


def begin(session: Session, run: ImportRun, found: Recognized) -> None:
    """Prepare a new import for its pages; corrections confirmed for the same layout before are taken over."""
    known = load_mapping(session, fingerprint(found.grids, found.reading)) or {}
    try:
        clean_choices(known, found.grids)
    except BadInput:  # this file is smaller than the one that they were confirmed for
        known = {}
    run.mapping, run.choices = json.dumps(known, ensure_ascii=False), "{}"


def source_of(run: ImportRun) -> Source:
    """The stored file of an import, for the recognizer. It may be used apart from the session."""
    digest = run.file.sha256
    return Source(run.file_name, digest, lambda: files.read_by_digest(digest))


def mapping_of(run: ImportRun) -> dict[str, Any]:
    """The corrections of an import, by name of the sheet."""
    return dict(json.loads(run.mapping or "{}"))


def recognized(run: ImportRun, mapping: Mapping[str, Any] | None = None) -> Recognized:
    """The file recognized with the corrections of the import, or with others that are not kept."""
    return source_of(run).recognized(mapping_of(run) if mapping is None else mapping)


def decisions(run: ImportRun) -> dict[str, str]:
    """Decisions about names, by ``KIND:KEY``."""
    return dict(json.loads(run.choices or "{}"))


def check(session: Session, run: ImportRun, found: Recognized, zone: str) -> DryRun:
    """What the import would do as it stands; ``found`` is its file as it is understood."""
    return dry_run(session, found, decisions(run), zone)


def cells_of(found: Recognized) -> int:
    """How many cells of a file say something."""
    return sum(sum(sheet.cells.values()) for sheet in found.reading.sheets)


def checked_mapping(found: Recognized, mapping: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Corrections, checked against the sheets of the file. Raises BadInput naming what is not possible."""
    return clean_choices(mapping, found.grids)


def keep_mapping(run: ImportRun, mapping: Mapping[str, Any]) -> None:
    """Keep corrections on the import; they have been checked by ``checked_mapping``."""
    still_open(run)
    run.mapping = json.dumps(mapping, ensure_ascii=False)


def keep_decisions(run: ImportRun, choices: Mapping[str, str]) -> None:
    """Keep decisions about names on the import."""
    still_open(run)
    run.choices = json.dumps(dict(choices), ensure_ascii=False)


def layout_of(run: ImportRun) -> str:
    """Fingerprint of the layout of the file, whatever was corrected."""
    found = source_of(run).recognized({})
    return fingerprint(found.grids, found.reading)
