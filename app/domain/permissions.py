"""Who may do what: one table of resource × action × role that a layman can read (SEC-1, 21 CFR 11.10(g)).

The table is what a new installation starts with. A company changes it on the permission page, with a reason and in
the trail; ``qualgate upgrade`` then adds only what is new. Nothing is allowed that has no ``x`` here or there.
"""

from collections.abc import Iterable

from app.domain.text import Phrase

ADMIN = "Admin"
INSTRUCTOR = "Instructor"
COORDINATOR = "Coordinator"
MANAGER = "Manager"
SUPERVISOR = "Supervisor"
TRAINEE = "Trainee"
QA = "QA"
OWNER = "Document owner"
AUDITOR = "Auditor"

ROLES = (ADMIN, INSTRUCTOR, COORDINATOR, MANAGER, SUPERVISOR, TRAINEE, QA, OWNER, AUDITOR)

ROLE_NOTES = {
    ADMIN: Phrase("Runs the system: logins, roles, settings. Signs nothing and approves nothing."),
    INSTRUCTOR: Phrase("Teaches and signs off on-the-job training."),
    COORDINATOR: Phrase("Keeps people, the matrix and training records; imports data."),
    MANAGER: Phrase("Answers for a department: sees its compliance, orders and extends training."),
    SUPERVISOR: Phrase("Leads a team: sees who may work and who is due, and orders training."),
    TRAINEE: Phrase("Reads, is trained and signs his or her own training."),
    QA: Phrase("Reviews, approves, waives and revokes; reads the trail."),
    OWNER: Phrase("Writes documents and answers for their content."),
    AUDITOR: Phrase("Reads what is within the client scope, for a limited time. Every view is recorded."),
}

RESOURCES = {
    "own": Phrase("My training"),
    "people": Phrase("People"),
    "units": Phrase("Organization"),
    "documents": Phrase("Documents"),
    "configuration": Phrase("Lists, fields and settings"),
    "matrix": Phrase("Training matrix"),
    "equivalences": Phrase("Equivalences"),
    "exemptions": Phrase("Exemptions"),
    "extensions": Phrase("Extensions of due dates"),
    "orders": Phrase("Training orders"),
    "revocations": Phrase("Revoked qualifications"),
    "training": Phrase("Training records"),
    "assignments": Phrase("Assignments"),
    "compliance": Phrase("Compliance"),
    "reports": Phrase("Reports"),
    "imports": Phrase("Imports"),
    "files": Phrase("Attachments"),
    "comments": Phrase("Comments"),
    "trail": Phrase("Audit trail"),
    "users": Phrase("Logins"),
    "permissions": Phrase("Roles and permissions"),
    "jobs": Phrase("Scheduled work and mail"),
}

ACTIONS = {
    "read": Phrase("See"),
    "add": Phrase("Add"),
    "edit": Phrase("Change"),
    "void": Phrase("Withdraw with a reason"),
    "export": Phrase("Export"),
    "sign": Phrase("Sign own training"),
    "submit": Phrase("Send to review"),
    "review": Phrase("Review"),
    "approve": Phrase("Approve"),
    "release": Phrase("Make effective"),
    "override": Phrase("Override a gate"),
    "retire": Phrase("Retire"),
    "print": Phrase("Print controlled copies"),
    "superseded": Phrase("Read superseded versions"),
    "migrate": Phrase("Bring records of an older system"),
    "commit": Phrase("Write an import"),
    "team": Phrase("See own team"),
    "verify": Phrase("Verify the trail"),
    "end": Phrase("Deactivate and end sessions"),
    "unlock": Phrase("Unlock"),
    "identify": Phrase("Verify identity"),
    "run": Phrase("Run by hand"),
}

TABLE = """
resource       action      Adm Ins Coo Man Sup Tra QA  Own Aud
own            read         x   x   x   x   x   x   x   x   .
own            sign         x   x   x   x   x   x   x   x   .
people         read         x   x   x   x   x   .   x   x   x
people         add          x   .   x   .   .   .   .   .   .
people         edit         x   .   x   .   .   .   .   .   .
people         void         .   .   x   .   .   .   x   .   .
people         export       x   .   x   x   .   .   x   .   .
units          read         x   x   x   x   x   .   x   x   x
units          add          x   .   x   .   .   .   x   .   .
units          edit         x   .   x   .   .   .   x   .   .
units          export       x   .   x   x   .   .   x   .   .
documents      read         x   x   x   x   x   x   x   x   x
documents      add          .   .   x   .   .   .   x   x   .
documents      edit         .   .   x   .   .   .   x   x   .
documents      submit       .   .   x   .   .   .   x   x   .
documents      review       .   x   .   x   x   .   x   x   .
documents      approve      .   .   .   x   .   .   x   x   .
documents      release      .   .   .   .   .   .   x   x   .
documents      override     .   .   .   .   .   .   x   .   .
documents      retire       .   .   .   .   .   .   x   x   .
documents      print        .   .   x   .   .   .   x   x   .
documents      superseded   x   x   x   .   .   .   x   x   x
documents      export       x   .   x   x   .   .   x   x   x
configuration  read         x   .   x   .   .   .   x   x   .
configuration  add          x   .   .   .   .   .   x   .   .
configuration  edit         x   .   .   .   .   .   x   .   .
configuration  export       x   .   .   .   .   .   x   .   .
matrix         read         x   x   x   x   x   .   x   x   x
matrix         add          .   .   x   .   .   .   x   .   .
matrix         edit         .   .   x   .   .   .   x   .   .
matrix         void         .   .   x   .   .   .   x   .   .
matrix         export       x   .   x   x   x   .   x   .   x
equivalences   read         x   x   x   x   x   .   x   x   x
equivalences   add          .   .   .   .   .   .   x   .   .
equivalences   edit         .   .   .   .   .   .   x   .   .
equivalences   void         .   .   .   .   .   .   x   .   .
equivalences   export       x   .   x   x   x   .   x   .   x
exemptions     read         x   x   x   x   x   .   x   x   x
exemptions     add          .   .   .   .   .   .   x   .   .
exemptions     void         .   .   .   .   .   .   x   .   .
exemptions     export       x   .   x   x   x   .   x   .   x
extensions     read         x   x   x   x   x   .   x   x   x
extensions     add          .   .   x   x   .   .   x   .   .
extensions     void         .   .   x   x   .   .   x   .   .
extensions     export       x   .   x   x   x   .   x   .   x
orders         read         x   x   x   x   x   .   x   x   x
orders         add          .   .   x   x   x   .   x   .   .
orders         void         .   .   .   x   .   .   x   .   .
orders         export       x   .   x   x   x   .   x   .   x
revocations    read         x   x   x   x   x   .   x   x   x
revocations    add          .   .   .   .   .   .   x   .   .
revocations    void         .   .   .   .   .   .   x   .   .
revocations    export       x   .   x   x   x   .   x   .   x
training       read         x   x   x   x   x   .   x   x   x
training       add          .   x   x   .   .   .   x   .   .
training       void         .   .   .   .   .   .   x   .   .
training       migrate      x   .   x   .   .   .   .   .   .
training       export       x   .   x   x   x   .   x   .   x
assignments    read         x   x   x   x   x   .   x   x   x
assignments    export       x   .   x   x   x   .   x   .   x
compliance     read         x   x   x   x   x   .   x   x   x
compliance     team         .   x   x   x   x   .   x   .   .
compliance     export       x   .   x   x   x   .   x   .   x
reports        read         x   .   x   x   x   .   x   x   x
imports        read         x   .   x   .   .   .   x   .   .
imports        add          x   .   x   .   .   .   .   .   .
imports        commit       x   .   x   .   .   .   .   .   .
files          read         x   x   x   x   x   .   x   x   x
files          add          .   x   x   x   x   .   x   x   .
files          void         .   .   x   .   .   .   x   x   .
comments       read         x   x   x   x   x   .   x   x   x
comments       add          .   x   x   x   x   .   x   x   .
trail          read         x   .   .   .   .   .   x   .   x
trail          export       x   .   .   .   .   .   x   .   .
trail          review       .   .   .   .   .   .   x   .   .
trail          verify       x   .   .   .   .   .   x   .   .
users          read         x   .   .   .   .   .   x   .   .
users          add          x   .   .   .   .   .   .   .   .
users          edit         x   .   .   .   .   .   .   .   .
users          end          x   .   .   .   .   .   x   .   .
users          unlock       x   .   .   .   .   .   .   .   .
users          identify     .   .   .   .   .   .   x   .   .
users          export       x   .   .   .   .   .   x   .   .
permissions    read         x   .   .   .   .   .   x   .   .
permissions    edit         x   .   .   .   .   .   .   .   .
jobs           read         x   .   .   .   .   .   x   .   .
jobs           run          x   .   .   .   .   .   .   .   .
jobs           export       x   .   .   .   .   .   x   .   .
"""

Permission = tuple[str, str]

APPROVING = frozenset(
    {("documents", "approve"), ("documents", "release"), ("documents", "override"), ("exemptions", "add")}
)
"""Quality decisions. A login that also runs the system should hold none of them (segregation of duties)."""

RUNNING = frozenset({("users", "edit"), ("permissions", "edit")})
"""What it takes to run the system."""


def _parsed(table: str) -> dict[Permission, frozenset[str]]:
    rows: dict[Permission, frozenset[str]] = {}
    for line in table.strip().splitlines()[1:]:
        resource, action, *marks = line.split()
        if resource not in RESOURCES or action not in ACTIONS or len(marks) != len(ROLES) or set(marks) - {"x", "."}:
            raise ValueError(f"The permission table cannot be read here: {line!r}")
        if (resource, action) in rows:
            raise ValueError(f"The permission table says this twice: {resource} {action}")
        rows[resource, action] = frozenset(role for role, mark in zip(ROLES, marks, strict=True) if mark == "x")
    return rows


GRANTS = _parsed(TABLE)
"""Every permission there is, and the roles that hold it in a new installation."""


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """Return what somebody with ``roles`` may do in a new installation."""
    held = set(roles)
    return frozenset(permission for permission, holders in GRANTS.items() if held & holders)


def known(resource: str, action: str) -> bool:
    """Tell whether there is such a permission at all."""
    return (resource, action) in GRANTS


def conflicts(permissions: Iterable[Permission]) -> bool:
    """Tell whether one login both runs the system and takes quality decisions."""
    held = set(permissions)
    return bool(held & RUNNING) and bool(held & APPROVING)
