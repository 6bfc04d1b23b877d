"""Toy records of every marker, in a metadata of their own, to try the safeguards on nothing but themselves."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import AppendOnly, BigId, Dated, Fact, Governed, Record, Scoped, Shared, UtcDateTime

METADATA = MetaData()
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)

Table("stored_files", METADATA, Column("id", BigId, primary_key=True))


class Toy(Record):
    """A toy is tested on its own metadata, so that the real tables stay untouched."""

    __abstract__ = True
    metadata = METADATA


class ToyClient(Shared, Toy):
    """Stands for the units that are clients."""

    __tablename__ = "units"

    name: Mapped[str] = mapped_column(String(50), nullable=False)


class Shelf(Shared, Toy):
    """Holds boxes and tags."""

    __tablename__ = "toy_shelves"

    name: Mapped[str] = mapped_column(String(80), nullable=False, unique=True)
    boxes: Mapped[list["Box"]] = relationship(back_populates="shelf", cascade="all, delete-orphan", order_by="Box.id")
    tags: Mapped[list["Tag"]] = relationship(secondary=lambda: toy_shelf_tags, back_populates="shelves")


class Tag(Shared, Toy):
    """Tied to shelves by a bare table."""

    __tablename__ = "toy_tags"

    name: Mapped[str] = mapped_column(String(80), nullable=False)
    shelves: Mapped[list[Shelf]] = relationship(secondary=lambda: toy_shelf_tags, back_populates="tags")


toy_shelf_tags = Table(
    "toy_shelf_tags",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("shelf_id", ForeignKey("toy_shelves.id")),
    Column("tag_id", ForeignKey("toy_tags.id")),
)


class Box(Scoped, Toy):
    """Has one column of every kind."""

    __tablename__ = "toy_boxes"

    label: Mapped[str] = mapped_column(String(200), nullable=False)
    note: Mapped[str | None] = mapped_column(Text)
    size: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    weight: Mapped[Decimal | None] = mapped_column(Numeric(12, 3))
    open: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    made_on: Mapped[date | None] = mapped_column(Date)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    extra: Mapped[Any] = mapped_column(JSON, nullable=True)
    blob: Mapped[bytes | None] = mapped_column(LargeBinary)
    secret: Mapped[str | None] = mapped_column(String(80), info={"secret": True})
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("toy_shelves.id"))
    shelf: Mapped[Shelf | None] = relationship(back_populates="boxes")


class Truth(Fact, Dated, Scoped, Toy):
    """A dated fact."""

    __tablename__ = "toy_truths"

    what: Mapped[str] = mapped_column(String(80), nullable=False)


class Case(Governed, Scoped, Toy):
    """Moves by transitions only."""

    __tablename__ = "toy_cases"

    title: Mapped[str] = mapped_column(String(80), nullable=False)
    state: Mapped[str] = mapped_column(String(20), nullable=False, default="draft")


class Stone(AppendOnly, Shared, Toy):
    """Never changes."""

    __tablename__ = "toy_stones"

    carved: Mapped[str] = mapped_column(String(80), nullable=False)
