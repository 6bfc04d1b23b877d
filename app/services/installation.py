"""What ``qualgate init`` and ``qualgate upgrade`` do: tables, guards, roles, and what a new company starts with."""

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.models.documents import Category, DocumentType
from app.safeguards import signer_of
from app.safeguards.database import migration
from app.safeguards.guards import install_guards
from app.services import migrating, schema
from app.services.access import sync_permissions

CATEGORIES = (("GENERAL", "General", 30), ("SAFETY", "Safety", 60), ("CERTIFICATE", "Licenses and certificates", 90))

DOCUMENT_TYPES = (
    ("SOP", "Standard operating procedure", 24),
    ("WI", "Work instruction", 24),
    ("POLICY", "Policy", 36),
    ("FORM", "Form", 36),
    ("SPEC", "Specification", 36),
    ("MBR", "Master batch record", 24),
    ("PROTOCOL", "Protocol", None),
    ("REPORT", "Report", None),
    ("TRAINING", "Training material", 24),
    ("CLIENT", "Client-specific procedure", 24),
)
"""Code, name, months between periodic reviews. A company changes and adds by form."""


def install(session: Session, engine: Engine) -> tuple[str | None, str | None]:
    """Make or upgrade the tables with their guards, then see to roles and starting lists; return the revisions.

    1. migrate, (re)install the database's own guards and put it on the trail, in one transaction;
    2. roles and permissions as ``domain.permissions`` states them;
    3. categories and document types, only where there is none yet.
    The caller commits. Running it again changes nothing.
    """
    with migration(engine) as connection:
        pending = schema.current_revision(connection) != schema.head_revision()
        before = migrating.remember(connection) if pending else None
        revisions = schema.migrate(connection)
        install_guards(connection)
        if before is not None:
            migrating.record(connection, before, revisions, signer_of(session))
    sync_permissions(session)
    if session.query(Category).count() == 0:
        session.add_all(Category(code=code, name=name, lead_days=days) for code, name, days in CATEGORIES)
    if session.query(DocumentType).count() == 0:
        session.add_all(
            DocumentType(code=code, name=name, review_months=months) for code, name, months in DOCUMENT_TYPES
        )
    session.flush()
    return revisions
