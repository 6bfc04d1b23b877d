"""Every address that answers, asked by everybody in the cast: who gets in is who the table says (SEC-1, T-d1, T-g1).

The addresses come from the application itself, so a new page is tested the day it is registered.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.routing import Rule

from app.domain import permissions
from app.views.base import RecordView
from tests.cast import CAST
from tests.conftest import House
from tests.records.suite import LIST_BUDGET, counted

pytestmark = pytest.mark.req("SEC-1", "CLI-1", "11.10(d)", "11.10(g)")

OPEN_TO_ALL = {
    "static", "appbuilder.static", "LoginView.login", "LoginView.code", "LoginView.logout", "account.set_by_link",
    "LocaleView.index", "UtilView.back",
}  # fmt: skip
"""Pages for people who are not signed in. Everything else sends them to sign in."""

ONE_OF_EACH = [one for one in CAST if one.role and one.username not in {"tess", "charlie"}]
FORGED = 424242
ARGUMENTS: dict[str, Any] = {"form": "csv", "form_": "csv", "name": "nothing", "model": "people", "secret": "forged",
                             "locale": "en", "filename": "nothing.css"}  # fmt: skip


def rules(house: House) -> list[Rule]:
    return sorted(house.app.url_map.iter_rules(), key=lambda rule: (rule.endpoint, rule.rule))


def address(house: House, rule: Rule) -> str:
    """Return an address of the rule: ids that are nobody's, names that are harmless."""
    values = {}
    for name in rule.arguments:
        converter = rule._converters[name]
        number = type(converter).__name__ in {"IntegerConverter", "FloatConverter"}
        values[name] = FORGED if number or name in {"pk", "number"} else ARGUMENTS.get(name, "nothing")
    with house.app.test_request_context():
        return house.app.url_map.bind("localhost").build(rule.endpoint, values, force_external=False)


def method_of(house: House, rule: Rule) -> tuple[Any, Any]:
    """Return the view and the guard of the page behind a rule; (None, None) for plain functions."""
    function = house.app.view_functions[rule.endpoint]
    bound = getattr(function, "__self__", None)
    inner = function
    while bound is None and getattr(inner, "__wrapped__", None) is not None:
        inner = inner.__wrapped__
        bound = getattr(inner, "__self__", None)
    return bound, getattr(function, "guard", None)


def guarded(house: House) -> Iterator[tuple[Rule, str, str]]:
    """Yield the rules whose page demands a permission, with resource and action."""
    for rule in rules(house):
        view, guard = method_of(house, rule)
        if isinstance(guard, tuple) and guard[0] != "deed":
            resource = guard[0] or getattr(view, "resource", None)
            yield rule, resource, guard[1]


def test_every_page_says_who_may_open_it(house: House) -> None:
    silent = []
    for rule in rules(house):
        if rule.endpoint in {"static", "appbuilder.static", "LocaleView.index", "UtilView.back"}:
            continue
        _, guard = method_of(house, rule)
        if guard is None:
            silent.append(f"{rule.endpoint} {rule.rule}")
    assert not silent, "these pages carry no @permitted, @signed_in or @public"


def test_every_demand_is_in_the_table(house: House) -> None:
    for rule, resource, action in guarded(house):
        assert permissions.known(resource, action), f"{rule.endpoint} demands {action} on {resource}"


def test_whoever_is_not_signed_in_gets_nowhere(house: House) -> None:
    browser = house.client()
    for rule in rules(house):
        if rule.endpoint in OPEN_TO_ALL:
            continue
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            answer = browser.open(address(house, rule), method=method)
            assert answer.status_code in {302, 401}, f"{method} {rule.rule}: {answer.status_code}"
            if answer.status_code == 302:
                assert answer.headers["Location"].startswith("/login/"), f"{method} {rule.rule}"


@pytest.mark.parametrize("member", ONE_OF_EACH, ids=lambda one: f"{one.username} ({one.role})")
def test_each_role_opens_exactly_what_the_table_allows(house: House, member: Any) -> None:
    browser = house.client(member.username)
    allowed = permissions.permissions_of([member.role])
    for rule, resource, action in guarded(house):
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            answer = browser.open(address(house, rule), method=method, data={} if method == "POST" else None)
            where = f"{method} {rule.rule} demands {action} on {resource}: {answer.status_code}"
            if (resource, action) in allowed:
                assert answer.status_code not in {403, 500}, where
            else:
                assert answer.status_code == 403, where


def test_no_page_breaks_on_an_id_that_is_nobodys_or_an_empty_form(house: House) -> None:
    for username in ("ada", "cora"):
        browser = house.client(username)
        for rule in rules(house):
            if rule.endpoint == "LoginView.logout":
                continue
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                answer = browser.open(address(house, rule), method=method, data={} if method == "POST" else None)
                assert answer.status_code < 500, f"{method} {rule.rule} as {username}"


def test_what_changes_something_never_answers_a_plain_link(house: House) -> None:
    acting_words = re.compile(r"/(do|end|attach|off|link|withdraw|void|delete|approve|sign|run|commit|remark)(/|$)")
    for rule in rules(house):
        if not acting_words.search(rule.rule) or "GET" not in (rule.methods or set()):
            continue
        assert "POST" in (rule.methods or set()), f"{rule.rule} acts on a plain GET"


def test_every_list_costs_few_statements(house: House) -> None:
    views = [view for view in house.app.extensions["appbuilder"].baseviews if isinstance(view, RecordView)]
    assert len(views) > 20
    browsers = {name: house.client(name) for name in ("quinn", "ada", "cora")}
    for view in views:
        browser = next(
            browsers[one.username]
            for one in CAST
            if one.username in browsers and (view.resource, "read") in permissions.permissions_of([str(one.role)])
        )
        browser.get(f"{view.route_base}/list/")
        with counted(house) as statements:
            answer = browser.get(f"{view.route_base}/list/")
        assert answer.status_code == 200, view
        assert len(statements) <= LIST_BUDGET, (view, statements)
        assert len(answer.data) < 100_000, view


def test_every_list_is_searched_in_columns_that_it_names(house: House) -> None:
    for view in house.app.extensions["appbuilder"].baseviews:
        if isinstance(view, RecordView):
            assert view.resource in permissions.RESOURCES, view
            assert view.exclude_route_methods >= {"delete", "download", "action", "action_post"}, view
            assert str(view.title).strip(), view


def test_the_menu_offers_exactly_what_opens(house: House) -> None:
    for member in CAST:
        if member.role is None:
            continue
        browser = house.client(member.username)
        page = browser.get("/").text
        side = page.split('class="side"')[1].split("</nav>")[0]
        for link in re.findall(r'href="([^"]+)"', side):
            assert browser.get(link).status_code in {200, 302}, f"{member.username}: {link}"
