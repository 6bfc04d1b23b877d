"""Records: columns, relationships, labels. No rule, no request, no session."""

from app.models import (  # noqa: F401  (importing a module is what maps its classes)
    access,
    configuration,
    documents,
    files,
    importing,
    jobs,
    learning,
    matrix,
    organization,
    people,
    signing,
    trail,
)
