"""What every template may use: filters that show values, and small helpers for links.

Registered before the pages. Nothing here decides anything; it shows what it is given.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from flask import Flask, current_app, g, request, url_for
from flask_appbuilder import AppBuilder
from flask_babel import format_date, format_decimal, get_locale, gettext
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape
from werkzeug.routing import BuildError

from app.domain.text import Phrase
from app.models.base import FOREVER
from app.safeguards.context import current_or_none

ORDER = 10
GROUPS = ("Training", "Documents", "Reporting", "Matrix", "People", "Organization", "Configuration")
"""The order of the menu; other groups come after these."""
_NOTHING = Markup(
    '<span class="text-body-secondary" aria-hidden="true">–</span><span class="visually-hidden">{}</span>'
)


def register(appbuilder: AppBuilder) -> None:
    """Make the filters and helpers known to the templates of ``appbuilder``'s application."""
    install(appbuilder.app)


def install(app: Flask) -> None:
    """Make the filters and helpers known to the templates of ``app``."""
    app.jinja_env.filters.update(shown=shown, day=day, moment=moment, say=say)
    app.jinja_env.globals.update(
        url_with=url_with,
        menu_groups=menu_groups,
        safe_url=safe_url,
        account_links=account_links,
        own_record_url=own_record_url,
        get_locale=get_locale,
        chip_text=chip_text,
        asset=asset,
        import_map=import_map,
        base_template="appbuilder/baselayout.html",
        appbuilder=app.extensions["appbuilder"],
    )


def day(value: date | datetime | None) -> Markup:
    """Return a calendar day in the reader's language; an open end or nothing is shown as a dash."""
    if value is None or _is_open_end(value):
        return _NOTHING.format(gettext("none"))
    local = here(value).date() if isinstance(value, datetime) else value
    return Markup('<time datetime="{}">{}</time>').format(_iso(local), format_date(local, "d MMM yyyy"))


def moment(value: datetime | None) -> Markup:
    """Return an instant with its time zone in the reader's language and zone (§11.50: date and time)."""
    if value is None or _is_open_end(value):
        return _NOTHING.format(gettext("none"))
    local = here(value)
    text = format_datetime(local, "d MMM yyyy HH:mm z", tzinfo=local.tzinfo, locale=get_locale() or "en")
    return Markup('<time datetime="{}">{}</time>').format(local.isoformat(), text)


def here(value: datetime) -> datetime:
    """Return an instant by the reader's clock."""
    context = current_or_none()
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(ZoneInfo(context.zone if context is not None else "UTC"))


def say(value: Any) -> str:
    """Return a phrase, a lazy string or a text in the reader's language."""
    return value.render(gettext) if isinstance(value, Phrase) else str(value)


def shown(value: Any) -> Any:
    """Return ``value`` as a person wants to read it in a cell or beside a label."""
    if isinstance(value, Markup):
        return value
    if value is None or value == "":
        return _NOTHING.format(gettext("none"))
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, Enum):
        return say(getattr(value, "label", value.value))
    if isinstance(value, Phrase):
        return say(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, Decimal | float):
        return format_decimal(value)
    if isinstance(value, list | tuple | set | frozenset):
        return Markup(", ").join(escape(shown(one)) for one in value) if value else shown(None)
    return value


def url_with(changes: Mapping[str, Any] | None = None, drop: Iterable[tuple[str, Any]] = (), **more: Any) -> str:
    """Return the address of this page with arguments changed; None takes one away, ``drop`` takes single pairs away."""
    changed = {**(changes or {}), **more}
    gone = {(name, str(value)) for name, value in drop}
    pairs = [(k, v) for k, v in request.args.items(multi=True) if k not in changed and (k, v) not in gone]
    pairs += [(name, str(value)) for name, value in changed.items() if value is not None]
    arguments: dict[str, list[str]] = {}
    for name, value in pairs:
        arguments.setdefault(name, []).append(value)
    return url_for(request.endpoint or "static", **{**(request.view_args or {}), **arguments})


def safe_url(endpoint: str, **values: Any) -> str | None:
    """Return the address of ``endpoint``, or None where this installation has no such page."""
    try:
        return url_for(endpoint, **values)
    except BuildError:
        return None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu; ``here`` when it leads to the page being shown."""

    label: str
    url: str
    icon: str
    here: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A heading of the menu and what stands under it."""

    name: str
    label: str
    entries: tuple[Entry, ...]

    @property
    def here(self) -> bool:
        """Tell whether the page being shown is under this heading."""
        return any(entry.here for entry in self.entries)


def menu_groups() -> list[Group]:
    """Return the menu as the current person may see it, what is used most often first."""
    builder = current_app.extensions["appbuilder"]
    allowed = builder.sm.get_user_menu_access()
    tops = [top for top in builder.menu.get_list() if top.name in allowed]
    found = [(top, [one for one in (top.childs or [top]) if one.name in allowed]) for top in tops]
    best = max(
        (url for _, entries in found for one in entries if _leads_here(url := one.get_url())), key=len, default=""
    )
    groups = [
        Group(top.name, gettext(str(top.label)), tuple(_entry(one, best) for one in entries))
        for top, entries in found
        if entries
    ]
    return sorted(groups, key=lambda group: GROUPS.index(group.name) if group.name in GROUPS else len(GROUPS))


def _entry(item: Any, best: str) -> Entry:
    url = item.get_url()
    return Entry(gettext(str(item.label)), url, item.icon or "point", bool(best) and url == best)


def _leads_here(url: str | None) -> bool:
    """Tell whether the page with address ``url`` is the one being shown, or one under it."""
    path = (url or "").split("?")[0]
    base = path.removesuffix("/list/").rstrip("/")
    return bool(base) and (request.path == path or request.path.startswith(base + "/"))


def own_record_url() -> str | None:
    """Return the address of the reader's own training record, or None for a login that has none."""
    context = current_or_none()
    may_read = context is not None and context.may("own", "read")
    return safe_url("MyRecordView.my_record") if may_read else None


def account_links() -> list[tuple[str, str, str]]:
    """Return address, label and icon of the entries in the account menu that this installation has."""
    wanted = (
        ("account.profile", gettext("My profile"), "user-circle"),
        ("account.password", gettext("Change password"), "key"),
        ("account.second_factor", gettext("Second factor"), "shield-lock"),
        ("account.sessions", gettext("My sessions"), "device-laptop"),
    )
    found = [(own_record_url(), gettext("My training record"), "certificate")]
    found += [(safe_url(endpoint), label, icon) for endpoint, label, icon in (*wanted, *_more_account_links())]
    return [(url, label, icon) for url, label, icon in found if url]


def asset(name: str) -> str:
    """Return the address of a file of ours; it names the content, so a browser may keep it until it changes.

    A page asks for the icons' file dozens of times; it is looked up once per request.
    """
    known: dict[str, str] = g.setdefault("assets", {})
    if name not in known:
        known[name] = _address_of(name)
    return known[name]


def _address_of(name: str) -> str:
    path = Path(current_app.static_folder or "") / name
    try:
        stat = path.stat()
    except OSError:
        return url_for("static", filename=name)
    return url_for("static", filename=name, v=_content_mark(path, stat.st_mtime_ns, stat.st_size))


def import_map() -> Markup:
    """Return the import map that lets script modules find each other under the addresses of ``asset``."""
    folder = Path(current_app.static_folder or "") / "js"
    names = sorted(path.name for path in folder.glob("*.js"))
    found = {url_for("static", filename=f"js/{name}"): asset(f"js/{name}") for name in names}
    return Markup(htmlsafe_json_dumps({"imports": found}))  # noqa: S704 (escaped by htmlsafe_json_dumps)


@lru_cache(maxsize=512)
def _content_mark(path: Path, changed: int, size: int) -> str:
    """The digest of a file; ``changed`` and ``size`` make it be read again when the file is another one."""
    return sha256(path.read_bytes()).hexdigest()[:12]


def chip_text(field: Any, value: Any) -> str:
    """Return what a filter's value means: the label of a choice where the field has choices, else the value."""
    wanted = str(value)
    try:
        for choice in field.iter_choices():
            if str(choice[0]) == wanted:
                return str(choice[1])
    except (AttributeError, TypeError, ValueError):
        return wanted
    return wanted


def _more_account_links() -> tuple[tuple[str, str, str], ...]:
    return tuple((endpoint, str(label), icon) for endpoint, label, icon in current_app.config.get("ACCOUNT_LINKS", ()))


def _is_open_end(value: date | datetime) -> bool:
    return value.year == FOREVER.year


def _iso(value: date | datetime) -> str:
    return value.date().isoformat() if isinstance(value, datetime) else value.isoformat()
