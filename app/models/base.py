"""What every record is: the base class, the markers that state facts about it, and column types.

Markers carry no behavior. ``app.safeguards`` reads them: a class says *what it is*, the safeguards see to the rest.
"""

from datetime import UTC, datetime
from typing import Any

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, DateTime, Dialect, ForeignKey, Integer, Text, TypeDecorator
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The open end of every interval, so that comparisons need no NULL (half-open ``[from, to)``)."""

BigId = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, stored in UTC with microseconds and always handed out with its zone.

    A naive value is refused: an instant without a zone is a guess.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return ``value`` in UTC; SQLite stores it without the zone, which is UTC by convention."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"An instant needs its time zone: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored instant with its UTC zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Record(Model):
    """A row that a person, a rule or an auditor cares about: audited, versioned, labeled.

    ``row_version`` goes up with every change; a form carries it, so a lost update is refused and never silent.
    """

    __abstract__ = True
    __table_args__: Any = ()
    __audited__ = True

    @declared_attr
    def id(self) -> Mapped[int]:
        return mapped_column(BigId, primary_key=True, info={"label": _l("Id")})

    @declared_attr
    def row_version(self) -> Mapped[int]:
        return mapped_column(Integer, nullable=False, default=1, info={"label": _l("Row version"), "internal": True})

    def __repr__(self) -> str:
        """What a record is called where it says nothing better of itself, such as on the trail."""
        return f"{type(self).__name__} {self.id}"

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.__table__.c.row_version} if "__table__" in cls.__dict__ else {}


class Scoped:
    """Belongs to a client or, with ``client_id`` empty, to the company itself.

    A person sees records without a client and those of the clients in his or her scope; another client's record
    is "not found" everywhere (CLI-1).
    """

    @declared_attr
    def client_id(self) -> Mapped[int | None]:
        # the old client is always known when it changes: the scope is asked about both
        return mapped_column(
            ForeignKey("units.id"),
            index=True,
            nullable=True,
            active_history=True,
            info={"label": _l("Client"), "kind": "client"},
        )


class Shared:
    """Seen by everyone who may read this kind of record, whatever the client scope; says so on purpose."""


class AppendOnly:
    """Rows are added and never changed or deleted; the database refuses as well."""


class Governed:
    """Has a ``state`` that changes only through ``services.workflow.perform``.

    A class may name columns in ``__content__`` that change only while the state is one of ``__content_open_in__``.
    """

    __governed__ = ("state",)
    __content__: tuple[str, ...] = ()
    __content_open_in__: frozenset[str] = frozenset()


class Dated:
    """Holds over ``[starts_at, ends_at)``, in UTC; an open end is ``FOREVER``."""

    @declared_attr
    def starts_at(self) -> Mapped[datetime]:
        return mapped_column(UtcDateTime, nullable=False, info={"label": _l("From")})

    @declared_attr
    def ends_at(self) -> Mapped[datetime]:
        return mapped_column(UtcDateTime, nullable=False, default=FOREVER, info={"label": _l("To")})


class Fact:
    """Something that happened or held, known over ``[recorded_at, voided_at)``.

    A fact is never edited. It is withdrawn by setting ``voided_at`` with a reason, and restated by a new row that
    names the old one in ``replaces_id``. So every past state of knowledge can be asked for (AS KNOWN AT).
    """

    __correctable__ = ("voided_at", "void_reason")

    @declared_attr
    def recorded_at(self) -> Mapped[datetime]:
        return mapped_column(UtcDateTime, nullable=False, info={"label": _l("Recorded")})

    @declared_attr
    def voided_at(self) -> Mapped[datetime]:
        return mapped_column(
            UtcDateTime, nullable=False, default=FOREVER, active_history=True, info={"label": _l("Withdrawn")}
        )

    @declared_attr
    def void_reason(self) -> Mapped[str | None]:
        return mapped_column(Text, info={"label": _l("Reason for withdrawal")})

    @declared_attr
    def replaces_id(self) -> Mapped[int | None]:
        return mapped_column(BigId, info={"label": _l("Restates"), "internal": True})

    @declared_attr
    def evidence_id(self) -> Mapped[int | None]:
        return mapped_column(ForeignKey("stored_files.id"), info={"label": _l("Evidence file")})

    @declared_attr
    def evidence_place(self) -> Mapped[str | None]:
        return mapped_column(Text, info={"label": _l("Place in the evidence file")})
