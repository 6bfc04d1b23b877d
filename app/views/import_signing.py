"""Signing an import, of a list or of a matrix: one signature, one transaction, all or nothing (IMP-2)."""

from collections.abc import Callable, Collection

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from app.domain.errors import RuleBroken
from app.extensions import db
from app.models.importing import ImportRun
from app.models.signing import Signature
from app.services.importing import runs as imports
from app.views import signing

LONG = 200_000
"""Bytes of a file from which on writing may take so long that the page says so."""

Write = Callable[[Session, ImportRun, Signature, str], ImportRun | None]
"""Writes the signed import; None when by now nothing changes."""


def sign(number: int, kinds: Collection[str], write: Write, *, here: str, back: str) -> ResponseReturnValue:
    """Show the signature page of an import, or sign and write it. ``here`` and ``back`` are addresses."""
    run = imports.find_run(db.session(), number, kinds)
    if request.method == "GET":
        imports.still_open(run)

    def follow(session: Session, signature: Signature, reason: str | None) -> str:
        mine = imports.find_run(session, number, kinds)
        if imports.to_write(session, mine, signature.id) and write(session, mine, signature, reason or "") is None:
            raise RuleBroken("By now everything in this file is recorded already. Nothing was signed.")
        return back

    return signing.ask(
        run,
        "commit",
        follow,
        title=gettext("Import %(file)s", file=run.file_name),
        action_url=here,
        cancel_url=back,
        needs_reason=True,
        notice=_patience(run),
        done=gettext("Signed and imported."),
    )


def _patience(run: ImportRun) -> str:
    if run.file.size < LONG:
        return ""
    return gettext(
        "This is a long file. After you sign, all of it is written in one step, which can take some minutes: leave "
        "this page open until it answers. Should the connection break, open the import again: it was written whole "
        "or not at all."
    )
