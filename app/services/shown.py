"""What a signer is shown, as plain data: the content of a record that a signature binds (21 CFR 11.70).

A kind of record with an own view registers it here; every other kind shows all its labeled columns. The state and the
row version are left out on purpose: moving on in the workflow does not change what was signed.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import inspect
from sqlalchemy.orm import Mapper, Session

from app.domain.chain import plain
from app.domain.errors import NotFound
from app.models.base import Governed, Record
from app.safeguards.scope import ensure_visible

Content = Callable[[Session, Any], Mapping[str, Any]]
AnyContent = TypeVar("AnyContent", bound=Content)

_contents: dict[str, Content] = {}
_circumstances: dict[tuple[str, str], Content] = {}


def content_of(record_type: str) -> Callable[[AnyContent], AnyContent]:
    """Register the decorated function as the signed content of one kind of record, by table name."""

    def register(function: AnyContent) -> AnyContent:
        _contents[record_type] = function
        return function

    return register


def circumstances_of(record_type: str, purpose: str) -> Callable[[AnyContent], AnyContent]:
    """Register what else is shown at one step, such as the people who are not trained yet.

    Circumstances are signed along, but a later change of them does not make the signature one of an earlier content.
    """

    def register(function: AnyContent) -> AnyContent:
        _circumstances[record_type, purpose] = function
        return function

    return register


def content(session: Session, record: Record) -> dict[str, Any]:
    """Return the content of ``record`` that a signature binds, in JSON's own types."""
    shows = _contents.get(record.__tablename__, _all_columns)
    result: dict[str, Any] = plain(dict(shows(session, record)))
    return result


def circumstances(session: Session, record: Record, purpose: str) -> dict[str, Any]:
    """Return what else is shown at the step ``purpose``; often nothing."""
    shows = _circumstances.get((record.__tablename__, purpose))
    result: dict[str, Any] = plain(dict(shows(session, record))) if shows else {}
    return result


def _all_columns(session: Session, record: Record) -> dict[str, Any]:
    mapper: Mapper[Any] = inspect(type(record))
    left_out = {"row_version", *(record.__governed__ if isinstance(record, Governed) else ())}
    return {
        prop.key: getattr(record, prop.key)
        for prop in mapper.column_attrs
        if prop.key not in left_out and not prop.columns[0].info.get("secret")
    }


def model_of(record_type: str) -> type[Record]:
    """Return the class whose table is ``record_type``. Raises NotFound for an unknown name."""
    for mapper in Record.registry.mappers:
        model = mapper.class_
        if issubclass(model, Record) and model.__tablename__ == record_type:
            return model
    raise NotFound("There is no such record.")


def find(session: Session, record_type: str, record_id: int, lock: bool = False) -> Record:
    """Return one record as the database has it now, within scope. Raises NotFound."""
    model = model_of(record_type)
    record = session.get(model, record_id, populate_existing=lock, with_for_update=True if lock else None)
    if record is None:
        raise NotFound("There is no such record.")
    ensure_visible(record)
    return record
