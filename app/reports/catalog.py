"""The reports there are: one table for pages, command line and scheduled reports (RPT-1)."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.text import Phrase
from app.reports import assignments, compliance, people, rows, versions
from app.reports.compliance import Question
from app.reports.tables import Report

UNITS = ("department", "job_function", "site", "equipment", "product_line", "study", "shift", "special_function")


@dataclass(frozen=True, slots=True)
class Entry:
    """A report: what it answers, what it can be asked, and the function that answers.

    ``asks`` names the fields of the question; ``needs`` those without which there is no answer.
    """

    name: str
    group: Phrase
    title: Phrase
    text: Phrase
    icon: str
    asks: tuple[str, ...]
    build: Callable[[Session, Question], Report]
    needs: tuple[str, ...] = ()


def _compliance(session: Session, question: Question) -> Report:
    return compliance.report(compliance.ask(session, question), question)


QUALIFIED, TRAINING, WORK = Phrase("Who is qualified"), Phrase("Training on record"), Phrase("What is to be done")

ENTRIES = (
    Entry(
        "retrained",
        QUALIFIED,
        Phrase("Retrained after the last revision"),
        Phrase("Is everyone who works on this process trained on what is in force? One answer, and every name."),
        "shield-check",
        (*UNITS, "client", "item", "at", "known_at"),
        versions.retrained,
    ),
    Entry(
        "compliance",
        QUALIFIED,
        Phrase("Training compliance"),
        Phrase("Every person and item with status, dates and reasons, as of any day."),
        "list-check",
        (*UNITS, "client", "person", "item", "at", "known_at"),
        _compliance,
    ),
    Entry(
        "by-unit",
        QUALIFIED,
        Phrase("Compliance by unit"),
        Phrase("Counts and percentages by department, function, site or client, as of any day."),
        "chart-bar",
        ("unit_kind", "at", "known_at"),
        compliance.by_unit,
    ),
    Entry(
        "training-record",
        TRAINING,
        Phrase("Training record of a person"),
        Phrase("What is required, what was trained and signed, where the person belonged."),
        "user",
        ("person", "at", "known_at"),
        people.training_record,
        ("person",),
    ),
    Entry(
        "trained-on",
        TRAINING,
        Phrase("Trained on a version"),
        Phrase("Who was trained on one version of an item, and who is required and was not."),
        "file-text",
        ("item", "version", "at", "known_at"),
        versions.trained_on,
        ("item",),
    ),
    Entry(
        "overdue",
        WORK,
        Phrase("Overdue training by age"),
        Phrase("What is overdue or expired, and for how long."),
        "clock",
        (*UNITS, "client", "person", "item", "at", "known_at"),
        assignments.overdue,
    ),
    Entry(
        "assignments",
        WORK,
        Phrase("Assignments and their sources"),
        Phrase("Which trigger opened which assignment, and why."),
        "git-branch",
        (*UNITS, "client", "person", "item", "at"),
        assignments.sources,
    ),
    Entry(
        "matrix-rows",
        WORK,
        Phrase("Rows of the training matrix"),
        Phrase("Who needs what, how often, proved how, as of any day."),
        "table",
        (*UNITS, "client", "item", "at", "known_at"),
        rows.matrix_rows,
    ),
)
REPORTS = {entry.name: entry for entry in ENTRIES}


def entry(name: str) -> Entry:
    """Return a report by name. Raises NotFound for another word."""
    found = REPORTS.get(name)
    if found is None:
        raise NotFound("There is no report %(name)s.", name=name)
    return found
