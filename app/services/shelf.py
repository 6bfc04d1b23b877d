"""What was worked out of uploaded files, kept on disk between pages: a cache and never evidence.

Every entry is sealed with a key of this installation, so what was changed or swapped on disk, or written by another
installation, counts as absent. Names say what an entry was worked out from (SHA-256 of the file, version of the code,
corrections), so nothing in here ever goes stale; what has not been used for long goes when room is needed.
"""

import hmac
import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

SEAL = 32


class Kept:
    """One sealed entry, open for reading; stays readable when the entry is thrown out meanwhile."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size

    def __del__(self) -> None:
        os.close(self._descriptor)

    def read(self, start: int, length: int) -> bytes:
        """``length`` bytes from ``start``; never the seal."""
        return os.pread(self._descriptor, max(0, min(length, self.size - start)), start)


class Shelf:
    """A folder of sealed entries with at most ``limit`` bytes."""

    def __init__(self, folder: Path, key: bytes, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._key = sha256(b"qualgate import cache" + key).digest()

    def put(self, name: str, write: Callable[[Path], None]) -> None:
        """Let ``write`` fill a file, then keep it as ``name``, whole or not at all.

        A disk that is full or closed to us is no reason to fail: then nothing is kept.
        """
        side = self.folder / f".{uuid4().hex}"
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                write(side)
                with side.open("r+b") as file:
                    seal = self._seal(name, file.fileno(), side.stat().st_size)
                    file.seek(0, os.SEEK_END)
                    file.write(seal)
                side.replace(self.folder / name)
                self._make_room()
            finally:
                side.unlink(missing_ok=True)

    def get(self, name: str) -> Kept | None:
        """The entry, or None when there is none that we sealed."""
        path = self.folder / name
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return None
        kept = Kept(descriptor, max(0, os.fstat(descriptor).st_size - SEAL))
        seal = os.pread(descriptor, SEAL, kept.size)
        if not hmac.compare_digest(seal, self._seal(name, descriptor, kept.size)):
            return None
        with suppress(OSError):
            os.utime(path)
        return kept

    def drop(self, name: str) -> None:
        """Throw an entry out."""
        with suppress(OSError):
            (self.folder / name).unlink()

    def _seal(self, name: str, descriptor: int, size: int) -> bytes:
        seal = hmac.new(self._key, name.encode() + b"\0", sha256)
        for start in range(0, size, 1 << 20):
            seal.update(os.pread(descriptor, min(1 << 20, size - start), start))
        return seal.digest()

    def _make_room(self) -> None:
        entries = [(path.stat(), path) for path in self.folder.iterdir() if path.is_file()]
        used = sum(state.st_size for state, _ in entries)
        for state, path in sorted(entries, key=lambda entry: entry[0].st_mtime):
            if used <= self.limit:
                return
            path.unlink(missing_ok=True)
            used -= state.st_size


_configured: list[Shelf] = []


def configure(folder: Path, key: bytes, limit: int) -> None:
    """Keep things in ``folder`` from now on; ``key`` is a secret of the installation, ``limit`` counts bytes."""
    _configured[:] = [Shelf(folder, key, limit)]


def the_shelf() -> Shelf | None:
    """The shelf in use; None where no edge named one, and then nothing is kept."""
    return _configured[0] if _configured else None
