"""The dry run as its pages show it: worked out at once for a usual file, apart from the page for a long one."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from time import monotonic
from typing import Any

from flask import current_app
from flask_babel import force_locale, get_locale
from sqlalchemy.orm import Session

from app.models.importing import ImportRun
from app.safeguards.context import current, system_clock
from app.services.importing import runs as imports
from app.services.importing.working import Progress, Telling, no_telling
from app.services.matrix_import.kept import version
from app.services.shelf import Kept, the_shelf
from app.views import background

LIFETIME = timedelta(minutes=10)
"""A dry run of a long file is shown again for so long; signing compares anew in any case."""

Model = dict[str, Any]
Build = Callable[[Session, ImportRun, Telling], Model]


def checked(run: ImportRun, to: str, build: Build, large: bool, session: Session, about: str = "check") -> Model:
    """The dry run of ``run`` as its page ``to`` shows it. ``large`` tells that it may take longer than a page,
    ``about`` which of the things that pages show of an import.

    What ``build`` returns must be fit for JSON. Of a large file it also says ``at``, the instant of the comparison.
    """
    shelf = the_shelf()
    if not large or shelf is None:
        return build(session, run, no_telling)
    if model := kept_model(run, about):
        return model
    name, begun = _name(run, about), monotonic()
    number, locale, patience = run.id, str(get_locale()), current_app.config["IMPORT_WAIT_SECONDS"]

    def work(session: Session, progress: Progress) -> Model:
        with force_locale(locale):
            model = build(session, imports.find_run(session, number), progress)
        session.rollback()  # nothing was written, but a rehearsal on SQLite kept others from writing until now
        model["at"] = system_clock().isoformat()
        if monotonic() - begun > 0.8 * patience:  # waiting for a turn counts: the page that asked is gone by now
            shelf.put(name, lambda path: _written(path, model))
        return model

    found: Model = background.need(run, f"{about}:{name[-24:-5]}", to, background.in_app(work))
    return found


def kept_model(run: ImportRun, about: str = "check") -> Model | None:
    """What was worked out of a large file for this person a moment ago."""
    shelf = the_shelf()
    kept = shelf.get(_name(run, about)) if shelf else None
    return _fresh(kept) if kept is not None else None


def compared_at(model: Model) -> datetime | None:
    """When a dry run that is shown again was made; None when it was made for this page."""
    return datetime.fromisoformat(model["at"]) if "at" in model else None


def _written(path: Any, model: Model) -> None:
    path.write_text(json.dumps(model, ensure_ascii=False), "utf-8")


def _fresh(kept: Kept) -> Model | None:
    model: Model = json.loads(kept.read(0, kept.size))
    return model if datetime.fromisoformat(model["at"]) > system_clock() - LIFETIME else None


def _name(run: ImportRun, about: str) -> str:
    """Everything that the dry run depends on but the records themselves: file, decisions, who looks, in which words."""
    who = current()
    parts = (
        about, run.id, run.file.sha256, run.file_name, run.kind, run.mapping, run.choices, version(), str(get_locale()),
        who.user_id, sorted(who.clients) if who.clients is not None else None, sorted(who.permissions), who.home_zone,
    )  # fmt: skip
    return f"check-{run.id}-{sha256(json.dumps(parts).encode()).hexdigest()[:24]}.json"
