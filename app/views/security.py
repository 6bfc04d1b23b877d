"""Flask-AppBuilder's security manager, reduced to the shell: who is signed in and what they may, from our context.

Its pages for users, roles and permissions write around our rules, so none of them is registered; ours stand in
``app.views.login``, ``account``, ``users`` and ``access``. One set of permissions per request answers every question.
"""

from typing import Any

from flask import Request, current_app, g
from flask_appbuilder.menu import MenuItem
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_appbuilder.security.sqla.models import User
from flask_login import LoginManager

from app.safeguards.context import current_or_none
from app.services.access import PREFIX
from app.views import acting
from app.views.account import AccountView
from app.views.login import LoginView


class QualgateSecurityManager(SecurityManager):
    """Answers Flask-AppBuilder's questions from the request's context; registers only our pages."""

    userstatschartview = None

    def create_login_manager(self, app: Any) -> LoginManager:
        """Let Flask-Login ask us, so that ``current_user`` is who our session says; its own cookie plays no part."""
        manager = LoginManager(app)
        manager.request_loader(self.user_of_request)
        manager.session_protection = None
        return manager

    @staticmethod
    def user_of_request(request: Request) -> User | None:
        """Return the signed-in user of this request."""
        login = g.get("login")
        return login.user if login is not None else None

    def load_user(self, pk: int) -> None:
        """Flask-Login's own cookie signs nobody in."""
        return

    @staticmethod
    def before_request() -> Any:
        """Fill the context, if the application has not done so before."""
        return acting.begin_request()

    def register_views(self) -> None:
        """Register our pages for signing in and for one's own login."""
        self.auth_view = self.appbuilder.add_view_no_menu(LoginView())
        self.appbuilder.add_view_no_menu(AccountView(), endpoint="account")

    def has_access(self, permission_name: str, view_name: str) -> bool:
        """Tell whether the current person holds a permission; ``can_read`` on ``people`` is (people, read)."""
        context = current_or_none()
        return context is not None and context.may(view_name, permission_name.removeprefix(PREFIX))

    def is_item_public(self, permission_name: str, view_name: str) -> bool:
        """Nothing is public by permission; public pages say so in code."""
        return False

    def get_user_menu_access(self, menu_names: list[str] | None = None) -> set[str]:
        """Return the menu entries whose page the current person may see, and the groups that hold one of them."""
        return {name for item in current_app.appbuilder.menu.get_list() for name in _visible(item)}  # type: ignore[attr-defined]


def _visible(item: MenuItem) -> set[str]:
    names = {name for child in item.childs for name in _visible(child)}
    if names or (not item.childs and may_open(item.baseview)):
        names.add(item.name)
    return names


def may_open(view: Any) -> bool:
    """Tell whether the current person may open the first page of ``view``."""
    context = current_or_none()
    if context is None or context.user_id is None:
        return False
    if view is None:
        return True
    guard = getattr(getattr(view, view.default_view, None), "guard", None)
    if isinstance(guard, tuple):
        resource, action = guard
        return context.may(resource or view.resource, action)
    return True
