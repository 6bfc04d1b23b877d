"""What a login that is limited to some clients looks at is recorded, such as an auditor's (CLI-3)."""

from typing import Any

from flask import request

from app.safeguards import audit
from app.safeguards.context import current
from app.views.transaction import transaction


def note_view(record: Any = None, **details: Any) -> None:
    """Put on the trail what is being looked at, when the login sees some clients only."""
    if current().clients is not None:
        with transaction() as session:
            audit.note(session, "view", record, path=request.path, **details)
