"""Who may use a page: every exposed method says which permission it demands, and is closed without it (SEC-1)."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import abort, g, redirect, request, url_for

from app.domain import permissions
from app.domain.errors import NotAllowed
from app.extensions import db
from app.safeguards import audit
from app.safeguards.context import current
from app.views.transaction import transaction

Method = TypeVar("Method", bound=Callable[..., Any])


def permitted(action: str, resource: str | None = None) -> Callable[[Method], Method]:
    """Open a page method only to those who hold ``action`` on ``resource`` (the view's own, unless named).

    Others get 403 and an entry in the trail; somebody who is not signed in is sent to the sign-in page.
    """

    def wrap(method: Method) -> Method:
        @wraps(method)
        def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
            demand(resource or self.resource, action)
            return method(self, *args, **kwargs)

        guarded.guard = (resource, action)  # type: ignore[attr-defined]
        guarded._permission_name = action  # type: ignore[attr-defined]
        return cast(Method, guarded)

    return wrap


def signed_in(method: Method) -> Method:
    """Open a page method to everybody who is signed in, for what concerns nobody else."""

    @wraps(method)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        demand_login()
        return method(self, *args, **kwargs)

    guarded.guard = "signed in"  # type: ignore[attr-defined]
    return cast(Method, guarded)


def public(method: Method) -> Method:
    """Say on purpose that a page method is open to everybody."""
    method.guard = "public"  # type: ignore[attr-defined]
    return method


def demand_login() -> None:
    """Send somebody who is not signed in to the sign-in page, or answer 401 to a program."""
    if g.get("login") is not None:
        return
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        abort(401)
    wanted = request.full_path if request.method == "GET" else None
    abort(redirect(url_for("LoginView.login", next=wanted)))


def demand(resource: str, action: str) -> None:
    """Raise NotAllowed, and note it on the trail, unless the person holds ``action`` on ``resource``."""
    demand_login()
    if not permissions.known(resource, action):
        raise LookupError(f"There is no permission {action!r} on {resource!r} in domain.permissions")
    if current().may(resource, action):
        return
    note_refusal(resource, action)
    raise NotAllowed("Your role does not allow this. Ask an administrator if you need it for your work.")


def note_refusal(resource: str, action: str) -> None:
    """Put a refusal on the trail, in a transaction of its own."""
    db.session.rollback()
    with transaction():
        audit.note(db.session(), "refused", resource=resource, action=action, path=request.path)
