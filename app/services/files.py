"""The content-addressed file store: a file is kept once, under the SHA-256 of its bytes, and never changes (DOC-2).

The store is a folder or, with fsspec installed, any of its file systems (``s3://bucket/prefix``). The edge names it
once with ``configure``; everything else asks for bytes by record.
"""

import os
import re
import zipfile
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import BadInput, NotFound, RuleBroken
from app.models.files import StoredFile
from app.safeguards.context import current

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MARKDOWN = "text/markdown"
PLAIN = "text/plain"
OTHER = "application/octet-stream"

MAX_BYTES = 64 * 1024 * 1024
MAX_UNPACKED = 512 * 1024 * 1024
MAX_RATIO = 200
"""A zip-based file that unpacks to more than this, or by more than this factor, is refused as a bomb."""

SIGNATURES = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)
TEXT_TYPES = {".md": MARKDOWN, ".markdown": MARKDOWN, ".csv": "text/csv", ".txt": PLAIN, ".json": "application/json"}


class Store(Protocol):
    """Where the bytes lie. Names are SHA-256 in hex."""

    def write(self, name: str, data: bytes) -> None:
        """Keep ``data`` under ``name``; writing what is there already changes nothing."""

    def open(self, name: str) -> BinaryIO:
        """Return the bytes as a stream; raise FileNotFoundError when there are none."""

    def exists(self, name: str) -> bool:
        """Tell whether there are bytes under ``name``."""


class FolderStore:
    """A folder on disk. A file appears under its name whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name

    def write(self, name: str, data: bytes) -> None:
        """Write to a side file, force it to disk, then rename it into place."""
        path = self._path(name)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        side = path.with_name(f".{uuid4().hex}")
        with side.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        side.chmod(0o440)
        side.replace(path)

    def open(self, name: str) -> BinaryIO:
        """Open the file for reading."""
        return self._path(name).open("rb")

    def exists(self, name: str) -> bool:
        """Tell whether the file is there."""
        return self._path(name).exists()


class RemoteStore:
    """Any file system of fsspec, such as S3. Needs fsspec and the package for its protocol."""

    def __init__(self, address: str) -> None:
        fsspec: Any = import_module("fsspec")
        self.system, self.root = fsspec.core.url_to_fs(address)

    def _path(self, name: str) -> str:
        return f"{self.root}/{name[:2]}/{name}"

    def write(self, name: str, data: bytes) -> None:
        """Put the object; object stores make it visible whole."""
        if not self.exists(name):
            with suppress(FileExistsError):
                self.system.makedirs(f"{self.root}/{name[:2]}", exist_ok=True)
            self.system.pipe_file(self._path(name), data)

    def open(self, name: str) -> BinaryIO:
        """Fetch the object."""
        return BytesIO(self.system.cat_file(self._path(name)))

    def exists(self, name: str) -> bool:
        """Tell whether the object is there."""
        return bool(self.system.exists(self._path(name)))


_configured: list[Store] = []


def configure(place: Path | str) -> Store:
    """Use ``place`` for all files from now on: a folder, or an address with a protocol such as ``s3://bucket``."""
    text = str(place)
    store: Store = RemoteStore(text) if re.match(r"^[a-z0-9+]{2,}://", text) else FolderStore(Path(text))
    _configured[:] = [store]
    return store


def the_store() -> Store:
    """Return the store in use, the folder ``QUALGATE_FILES`` or ``instance/files`` unless the edge named another."""
    if not _configured:
        configure(os.environ.get("QUALGATE_FILES", "instance/files"))
    return _configured[0]


def store(session: Session, data: bytes, name: str, content_type: str | None = None) -> StoredFile:
    """Keep ``data`` and return its record; the same bytes of the same kind give the same record again.

    The type is told from the content, never from what the sender claims; ``name`` and ``content_type`` only decide
    between kinds of plain text. Whatever holds the file keeps its name (``clean_name``).
    Raises BadInput for an empty or too large file, a bomb, or text in an unknown encoding.
    """
    kind = checked_type(data, name, content_type)
    digest = sha256(data).hexdigest()
    the_store().write(digest, data)
    query = select(StoredFile).where(StoredFile.sha256 == digest, StoredFile.content_type == kind)
    known = session.scalar(query)
    if known is not None:
        return known
    record = StoredFile(sha256=digest, size=len(data), content_type=kind, stored_at=current().now())
    session.add(record)
    session.flush()
    return record


def open_file(record: StoredFile) -> BinaryIO:
    """Return the bytes of ``record`` as a stream. Raises NotFound when the store lost them."""
    return _open(record.sha256)


def _open(digest: str) -> BinaryIO:
    try:
        return the_store().open(digest)
    except FileNotFoundError:
        raise NotFound(
            "The file with the SHA-256 %(digest)s is not in the file store. Restore it from a backup.", digest=digest
        ) from None


def read(record: StoredFile) -> bytes:
    """Return the bytes of ``record``, checked against the digest that it is kept under.

    Raises RuleBroken when they were altered on disk (21 CFR 11.10(a): discern altered records).
    """
    return read_by_digest(record.sha256)


def read_by_digest(digest: str) -> bytes:
    """Like ``read``, where only the digest is at hand and no session."""
    with _open(digest) as stream:
        data = stream.read()
    if sha256(data).hexdigest() != digest:
        raise RuleBroken(
            "The file with the SHA-256 %(digest)s was altered in the file store. Do not use it; "
            "call quality assurance.",
            digest=digest,
        )
    return data


def checked_type(data: bytes, name: str, claimed: str | None = None) -> str:
    """Return the content type of ``data`` as its bytes tell it. Raises BadInput for what is not taken in."""
    if not data:
        raise BadInput("The file “%(name)s” is empty.", field="file", name=clean_name(name))
    if len(data) > MAX_BYTES:
        raise BadInput("The file “%(name)s” is larger than %(limit)s MB.", field="file", name=clean_name(name),
                       limit=MAX_BYTES // 1024 // 1024)  # fmt: skip
    for start, kind in SIGNATURES:
        if data.startswith(start):
            return kind
    if data.startswith(b"PK\x03\x04"):
        return _zip_type(data, name)
    return _text_type(data, name, claimed)


def _zip_type(data: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError):
        raise BadInput("The file “%(name)s” is damaged: its contents cannot be listed.", field="file",
                       name=clean_name(name)) from None  # fmt: skip
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * len(data) + 1024 * 1024:
        raise BadInput("The file “%(name)s” unpacks to far more than it should and is refused.", field="file",
                       name=clean_name(name))  # fmt: skip
    names = {part.filename for part in parts}
    if "word/document.xml" in names:
        return DOCX
    return XLSX if "xl/workbook.xml" in names else "application/zip"


def _text_type(data: bytes, name: str, claimed: str | None) -> str:
    if b"\x00" in data:
        return OTHER
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return OTHER
    by_name = TEXT_TYPES.get(Path(clean_name(name)).suffix.lower())
    if by_name:
        return by_name
    return claimed if claimed in set(TEXT_TYPES.values()) else PLAIN


def clean_name(name: str) -> str:
    """Return the last part of a file name without control characters, at most 255 long; it is only ever shown."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(char for char in last if char.isprintable()).strip()
    return kept[-255:] or "file"
