"""The one place at this edge that commits: a request's work is written whole or not at all."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.domain.errors import RuleBroken, Stale
from app.extensions import db
from app.safeguards.context import because


@contextmanager
def transaction(reason: str | None = None) -> Iterator[Session]:
    """Commit what the block did, once; undo all of it when anything says no.

    ``reason`` is why the records change (Annex 11 clause 9). Raises Stale when somebody else changed a record
    meanwhile, and RuleBroken when the database refuses a value; other refusals pass through as they are.
    """
    with ExitStack() as stack:
        if reason:
            stack.enter_context(because(reason))
        try:
            yield db.session()
            db.session.commit()
        except StaleDataError:
            db.session.rollback()
            raise Stale("Somebody else changed this record since you opened it. Nothing was written.") from None
        except IntegrityError as error:
            db.session.rollback()
            raise _explained(error) from None
        except BaseException:
            db.session.rollback()
            raise


def _explained(error: IntegrityError) -> RuleBroken:
    text = str(error.orig).lower()
    if "unique" in text or "duplicate" in text:
        return RuleBroken(
            "There is a record with these values already. Change what tells them apart, or open that one."
        )
    if "foreign key" in text:
        return RuleBroken("A record that this one refers to does not exist (any more). Choose another one.")
    if "not null" in text or "null value" in text:
        return RuleBroken("A value that is needed is missing.")
    return RuleBroken("The database refuses these values because they break one of its rules.")
