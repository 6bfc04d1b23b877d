"""What the pages of a kind of record have in common: which columns, which records, which addresses."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from flask import url_for
from flask_appbuilder import ModelView
from flask_appbuilder.models.sqla.interface import SQLAInterface
from markupsafe import Markup
from sqlalchemy import Select, select

from app.domain.errors import NotFound
from app.extensions import db
from app.models.base import FOREVER, Fact, Record
from app.models.configuration import CustomField
from app.safeguards.context import current
from app.services import configuration
from app.views.arguments import LARGEST_ID
from app.views.columns import Column, columns, user_columns

Names = Sequence[str | Column]
Columns = list[Column]
Fields = list[CustomField]
Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True)
class Tab:
    """One more part of a record's page; ``body`` is ready markup."""

    id: str
    label: Any
    body: Markup
    icon: str = "list-details"
    count: int = 0


@dataclass(frozen=True)
class Button:
    """Something to do with a record: a link to a page, or (``post``) a button that acts at once.

    ``refused`` is the sentence why it is not possible now; the button is then shown but does nothing.
    """

    label: Any
    url: str
    icon: str = "player-play"
    primary: bool = False
    post: bool = False
    confirm: Any = ""
    refused: Any = ""
    fields: tuple[tuple[str, Any], ...] = ()
    sign: bool = False


@dataclass(frozen=True)
class Deed:
    """An action on one or several records, see ``deed``."""

    name: str
    label: Any
    permission: str
    icon: str
    confirm: Any
    method: str


def deed(
    name: str, label: Any, permission: str, *, icon: str = "player-play", confirm: Any = ""
) -> Callable[[Method], Method]:
    """Make a method an action on the ticked rows of a list and on a record's page.

    It takes the records, all within the scope, and may return a sentence to show. It runs in one transaction, by POST
    alone, for those who hold ``permission`` on the view's resource.
    """

    def wrap(method: Method) -> Method:
        method.deed = Deed(name, label, permission, icon, confirm, method.__name__)  # type: ignore[attr-defined]
        return method

    return wrap


class RecordCore(ModelView):
    """Names and finds the records of one kind. The pages are in the classes derived from it."""

    model: ClassVar[type[Record]]
    resource: ClassVar[str]
    icon: ClassVar[str] = "list-details"
    title: Any = ""
    title_one: Any = ""
    lead: Any = ""
    list_columns: Names = ()
    search_columns: Sequence[str] = ()
    filter_columns: Sequence[str] = ()
    show_columns: Names = ()
    export_columns: Names = ()
    add_columns: Names = ()
    edit_columns: Names = ()
    order: Sequence[str] = ()
    page_size = 25
    may_add: bool = True
    may_edit: bool = True
    asks_reason: bool = True
    keeps_files: bool = True

    list_template = "records/list.html"
    show_template = "records/show.html"
    add_template = "records/form.html"
    edit_template = "records/form.html"
    exclude_route_methods: frozenset[str] = frozenset({"delete", "download", "action", "action_post"})

    def __init__(self) -> None:
        self.datamodel = SQLAInterface(self.model)
        self.class_permission_name = self.resource
        self.exclude_route_methods = type(self).exclude_route_methods | self._pages_left_out()
        super().__init__()

    def _pages_left_out(self) -> frozenset[str]:
        """What this kind of record does not do has no address either."""
        left_out = set()
        if not self.may_add:
            left_out.add("add")
        if not self.may_edit:
            left_out.add("edit")
        if not issubclass(self.model, Fact):
            left_out.add("void")
        if not self.keeps_files:
            left_out |= {"attach", "file", "take_off", "remark"}
        return frozenset(left_out)

    def _init_properties(self) -> None:
        names = user_columns(self.model)
        self.list_columns = self.list_columns or names[:6]
        self.show_columns = self.show_columns or names
        self.add_columns = self.add_columns or names
        self.edit_columns = self.edit_columns or self.add_columns
        self.related_views: list[Any] = []
        self._related_views: list[Any] = []

    def _init_forms(self) -> None:
        """Forms are made per request: choices, languages and added fields differ."""

    def _init_titles(self) -> None:
        """Titles are lazy strings of the class."""

    def covers(self, record: Any) -> bool:
        """Tell whether this view shows ``record``; several views of one model divide its records among them."""
        return isinstance(record, self.model)

    def custom_type(self) -> str:
        """Return the name under which the company adds fields to this kind of record."""
        return self.model.__tablename__

    def custom(self, with_choices: bool = False) -> Fields:
        """Return the fields that the company added to this kind of record."""
        return configuration.fields_of(db.session(), self.custom_type(), with_choices)

    def base_query(self) -> Select[Any]:
        """Return the query of the records that this view is about; the client scope adds itself."""
        query: Select[Any] = select(self.model)
        if issubclass(self.model, Fact):
            query = query.where(self.model.voided_at == FOREVER)
        return query

    def usual_order(self) -> Iterable[Any]:
        """Return the order of the list while nobody asks for another; ``-name`` is descending."""
        for name in self.order:
            attribute = getattr(self.model, name.removeprefix("-"))
            yield attribute.desc() if name.startswith("-") else attribute

    def record(self, pk: int) -> Any:
        """Return the record with this id. Raises NotFound for one that is not there or not within the scope."""
        key: Any = self.model.id
        found = db.session.scalar(self.base_query().where(key == pk)) if 0 < pk < LARGEST_ID else None
        if found is None:
            raise NotFound("There is no such record, or it is not within your client scope.")
        return found

    def listed(self) -> Columns:
        """Return the columns of the list."""
        return columns(self.model, self.list_columns)

    def filters(self) -> Columns:
        """Return the columns by which the list can be filtered."""
        return columns(self.model, self.filter_columns)

    def searched(self) -> Sequence[Any]:
        """Return the columns in which the search text is looked for."""
        return [getattr(self.model, name) for name in self.search_columns]

    def why_fixed(self, record: Any) -> str | None:
        """Return the sentence why this record cannot be changed by form, or None when it can."""
        return None

    def deeds(self) -> dict[str, Deed]:
        """Return the actions that the current person may take."""
        found = (getattr(getattr(type(self), name, None), "deed", None) for name in dir(type(self)))
        return {one.name: one for one in found if one is not None and current().may(self.resource, one.permission)}

    def list_url(self) -> str:
        """Return the address of the list."""
        return url_for(f"{self.endpoint}.list")

    def add_url(self) -> str:
        """Return the address of the form for a new record."""
        return url_for(f"{self.endpoint}.add")

    def url_of(self, record: Any) -> str:
        """Return the address of a record's page."""
        return url_for(f"{self.endpoint}.show", pk=record.id)
