"""The matrix by form: its rows, and the decisions about single people (MTX-1, MTX-2, MTX-9, MTX-13)."""

import json
from typing import Any

from flask_appbuilder import AppBuilder
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select
from sqlalchemy.orm import selectinload

from app.models.base import Record
from app.models.documents import Item
from app.models.matrix import (
    Assignment,
    Completion,
    Equivalence,
    Extension,
    Requirement,
    RequirementUnit,
    TrainingOrder,
)
from app.models.organization import Unit
from app.models.people import Person
from app.services import matrix
from app.views import columns as kinds
from app.views.base import RecordView
from app.views.columns import Column, calculated

ORDER = 50


def units_in_words(row: Requirement) -> str:
    """Return for whom a matrix row is: the names of its units, joined."""
    return " + ".join(one.unit.name for one in row.units)


def reasons_in_words(row: Assignment) -> str:
    """Return why an assignment was made, one sentence for each reason."""
    return " ".join(reason["text"] for reason in json.loads(row.reasons))


def _unit_column(name: str, label: Any, nullable: bool = True) -> Column:
    return Column(name, label, kind=kinds.REFERENCE, nullable=nullable, target=Unit)


class RequirementView(RecordView):
    """Rows of the matrix. The item and the units of a row are fixed; its terms are restated with a reason."""

    model = Requirement
    resource = "matrix"
    route_base = "/matrix/rows"
    title = _l("Matrix rows")
    title_one = _l("Matrix row")
    lead = _l("Who needs which item, how often and by when. Everybody who holds all the units of a row needs its item.")
    icon = "table"
    units = calculated("units", _l("Everyone in"), units_in_words)
    list_columns = (
        "item_id",
        units,
        "recurrence_months",
        "days_to_complete",
        "framework",
        "proof",
        "starts_at",
        "ends_at",
    )
    show_columns = (
        "item_id", units, "starts_at", "ends_at", "recurrence_months", "recurrence_fixed", "days_to_complete",
        "grace_days", "revision_grace_days", "framework", "proof", "recorded_at", "evidence_id", "evidence_place",
    )  # fmt: skip
    filter_columns = ("item_id", "framework", "proof", "starts_at")
    terms = ("starts_at", "ends_at", "recurrence_months", "recurrence_fixed", "days_to_complete", "grace_days",
             "revision_grace_days", "framework", "proof")  # fmt: skip
    add_columns = (
        "item_id",
        _unit_column("unit_1", _l("Everyone in"), nullable=False),
        _unit_column("unit_2", _l("who is also in")),
        _unit_column("unit_3", _l("and also in")),
        *terms,
    )
    edit_columns = terms
    order = ("item_id", "starts_at")

    def base_query(self) -> Select[Any]:
        """Rows that hold, with their units."""
        return super().base_query().options(selectinload(Requirement.units).joinedload(RequirementUnit.unit))

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """Add the row and assign what follows from it."""
        units = [values.pop(name) for name in ("unit_1", "unit_2", "unit_3")]
        return matrix.require(session, [unit for unit in units if unit is not None], **values)

    def change(self, session: Any, record: Any, values: dict[str, Any], reason: str) -> Record:
        """Restate the row and reconcile."""
        changed = {name: value for name, value in values.items() if getattr(record, name) != value}
        return matrix.change_requirement(session, record, reason, **changed) if changed else record

    def withdraw(self, session: Any, record: Any, reason: str) -> None:
        """Withdraw the row; what it alone required is no longer assigned."""
        matrix.withdraw(session, record, reason)


class PersonItemView(RecordView):
    """A list about people and items, searched by the names of both."""

    def base_query(self) -> Select[Any]:
        """Each record with its person and its item."""
        model: Any = self.model
        return super().base_query().join(Person, model.person_id == Person.id).join(Item, model.item_id == Item.id)

    def searched(self) -> list[Any]:
        """Look for the text in the names and codes of the person and the item."""
        own = [getattr(self.model, name) for name in self.search_columns]
        return [Person.name, Person.employee_no, Item.code, Item.title, *own]


class MatrixFactView(RecordView):
    """What the lists of decisions about items have in common."""

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """Record the fact and reconcile."""
        return matrix.record_fact(session, self.model, **values)

    def change(self, session: Any, record: Any, values: dict[str, Any], reason: str) -> Record:
        """Restate the fact and reconcile."""
        changed = {name: value for name, value in values.items() if getattr(record, name) != value}
        return matrix.change_fact(session, record, reason, **changed) if changed else record

    def withdraw(self, session: Any, record: Any, reason: str) -> None:
        """Withdraw the fact and reconcile."""
        matrix.withdraw(session, record, reason)


class DecisionView(MatrixFactView, PersonItemView):
    """A decision about one person and one item."""


class EquivalenceView(MatrixFactView):
    """Which item counts for which."""

    model = Equivalence
    resource = "equivalences"
    route_base = "/matrix/equivalences"
    title = _l("Equivalences")
    title_one = _l("Equivalence")
    lead = _l("Training on one item that counts for another one.")
    icon = "equal"
    list_columns = ("item_id", "counting_item_id", "starts_at", "ends_at", "reason")
    filter_columns = ("item_id", "counting_item_id")
    add_columns = list_columns
    edit_columns = ("starts_at", "ends_at", "reason")


class ExtensionView(DecisionView):
    """New due days for one person."""

    model = Extension
    resource = "extensions"
    route_base = "/matrix/extensions"
    title = _l("Extensions")
    title_one = _l("Extension")
    lead = _l("More time for one person's first training on an item, with a reason.")
    icon = "calendar-plus"
    list_columns = ("person_id", "item_id", "due_on", "reason", "recorded_at")
    filter_columns = ("person_id", "item_id", "due_on")
    add_columns = ("person_id", "item_id", "due_on", "reason")
    may_edit = False
    order = ("-due_on",)


class OrderView(DecisionView):
    """Training ordered for one person."""

    model = TrainingOrder
    resource = "orders"
    route_base = "/matrix/orders"
    title = _l("Training orders")
    title_one = _l("Training order")
    lead = _l("Training that somebody must do because of another record, whatever the matrix says.")
    icon = "flag"
    list_columns = ("person_id", "item_id", "placed_at", "due_on", "suspends", "source")
    filter_columns = ("person_id", "item_id", "suspends", "due_on")
    search_columns = ("source",)
    add_columns = ("person_id", "item_id", "due_on", "suspends", "source")
    may_edit = False
    order = ("-placed_at",)

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """Place the order now."""
        return matrix.place_order(session, **values)


class CompletionView(DecisionView):
    """Training on record. Corrected by withdrawing it with a reason and recording it anew."""

    model = Completion
    resource = "training"
    route_base = "/training/records"
    title = _l("Training records")
    title_one = _l("Training record")
    lead = _l(
        "Who was trained on which version, when and how. Records are never changed, only withdrawn with a reason."
    )
    icon = "certificate"
    list_columns = ("person_id", "item_id", "version_id", "completed_at", "method", "result", "origin")
    show_columns = (
        "person_id", "item_id", "version_id", "completed_at", "method", "result", "score", "evaluator_id", "language",
        "seconds_spent", "origin", "recorded_at", "claimed_recorded_at", "evidence_id", "evidence_place",
        "signature_id",
    )  # fmt: skip
    filter_columns = ("person_id", "item_id", "method", "result", "completed_at")
    add_columns = (
        "person_id", "item_id", "version_id", "completed_at", "method", "result", "score", "evaluator_id", "language",
    )  # fmt: skip
    may_edit = False
    order = ("-completed_at",)

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """Record the training and complete what it answers."""
        return matrix.record_training(session, **values)


class AssignmentView(PersonItemView):
    """What was handed to whom, by which trigger, due when. Kept by the reconciler alone."""

    model = Assignment
    resource = "assignments"
    route_base = "/training/assignments"
    title = _l("Assignments")
    title_one = _l("Assignment")
    lead = _l("What was assigned to whom, why, and what became of it. Qualgate keeps this list itself.")
    icon = "list-check"
    list_columns = ("person_id", "item_id", "version_id", "state", "trigger", "opened_at", "due_on")
    why = calculated("why", _l("Reasons"), reasons_in_words)
    show_columns = (*list_columns, "source", "proof", why, "closed_at", "completion_id", "withdrawal_reason")
    filter_columns = ("state", "trigger", "person_id", "item_id", "due_on", "opened_at")
    may_add = False
    may_edit = False

    def usual_order(self) -> list[Any]:
        """Open ones first, then by their day; those without a day last."""
        return [Assignment.state != "open", Assignment.due_on.is_(None), Assignment.due_on, Assignment.id]


VIEWS = (
    (RequirementView, "Matrix", _l("Training matrix")),
    (EquivalenceView, "Matrix", _l("Training matrix")),
    (ExtensionView, "Matrix", _l("Training matrix")),
    (OrderView, "Matrix", _l("Training matrix")),
    (AssignmentView, "Training", _l("Training")),
    (CompletionView, "Training", _l("Training")),
)


def register(appbuilder: AppBuilder) -> None:
    """Register the lists of the matrix and of training."""
    for view, category, label in VIEWS:
        appbuilder.add_view(
            view(),
            str(view.__name__),
            icon=view.icon,
            label=view.title,
            category=category,
            category_icon="grid-4x4" if category == "Matrix" else "school",
            category_label=label,
        )
