"""Who is behind a request: fills the context from the signed-in browser before anything else happens.

Sessions live on the server. The cookie carries a token; whether it is still good is looked up on every request, so
logging out, a new password or a deactivated login take effect at once (21 CFR 11.10(d)).
"""

from contextlib import ExitStack
from typing import Any

from flask import Flask, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import AnonymousUserMixin
from sqlalchemy.exc import OperationalError

from app.extensions import db
from app.safeguards.context import Context, acting, system_clock
from app.services import access, second_factor, sessions
from app.services.logins import AccessPolicy, must_set_password
from app.views.transaction import transaction

TOKEN = "login"  # noqa: S105 (the name of the cookie's field)
NOBODY = "anonymous"
FREE_WITHOUT_LOGIN = frozenset({"static", "appbuilder.static"})
FREE_WHILE_BARRED = frozenset(
    {"LoginView.logout", "account.password", "account.second_factor", "LocaleView.index", *FREE_WITHOUT_LOGIN}
)
"""What stays open to somebody who must set a new password or a second factor first."""


def install(app: Flask) -> None:
    """Fill the context before each request of ``app`` and clear it afterwards."""
    app.before_request(begin_request)
    app.teardown_request(end_request)


def policy() -> AccessPolicy:
    """Return the rules of signing in of this installation."""
    return AccessPolicy.of(current_app.config)


def begin_request() -> ResponseReturnValue | None:
    """Find out who acts and make it the context of this request; send those on who must see to their login first."""
    if "acting" in g:
        return None
    g.acting = ExitStack()
    g.login = None
    _choose_language()
    if request.endpoint in FREE_WITHOUT_LOGIN:
        g.user = AnonymousUserMixin()
        g.acting.enter_context(acting(anonymous()))
        return None
    g.acting.enter_context(acting(anonymous()))
    login = _login_of_request()
    if login is None:
        g.user = AnonymousUserMixin()
        return None
    enter(login)
    return _detour(login)


def end_request(error: BaseException | None = None) -> None:
    """Nobody acts any more."""
    stack = g.pop("acting", None)
    if stack is not None:
        stack.close()


def enter(login: sessions.Login) -> None:
    """Act as the signed-in user for the rest of this request."""
    g.login = login
    g.user = login.user
    g.acting.enter_context(acting(context_of(login)))


def context_of(login: sessions.Login) -> Context:
    """Return the context in which a signed-in user acts: permissions, clients, zone, address."""
    user, account = login.user, login.account
    return Context(
        user_id=user.id,
        username=user.username,
        printed_name=f"{user.first_name} {user.last_name}".strip(),
        clients=access.clients_of(db.session(), account),
        zone=account.time_zone or current_app.config["TIME_ZONE"],
        home_zone=current_app.config["TIME_ZONE"],
        source="web",
        session_id=str(login.session.id),
        address=request.remote_addr,
        permissions=access.permissions_of_user(db.session(), user.id),
        clock=clock(),
    )


def anonymous() -> Context:
    """Return the context of somebody who is not signed in: sees no client's records and may do nothing."""
    return Context(
        user_id=None,
        username=NOBODY,
        printed_name="Not signed in",
        clients=frozenset(),
        zone=current_app.config["TIME_ZONE"],
        home_zone=current_app.config["TIME_ZONE"],
        source="web",
        address=request.remote_addr,
        clock=clock(),
    )


def clock() -> Any:
    """Return the clock that requests read; tests set ``CLOCK`` to stand still."""
    return current_app.config.get("CLOCK") or system_clock


def _login_of_request() -> sessions.Login | None:
    token = session.get(TOKEN)
    if not isinstance(token, str):
        return None
    login = sessions.find(db.session(), token)
    if login is None:
        session.pop(TOKEN, None)
        return None
    now = clock()()
    if why := sessions.why_ended(login, now, policy()):
        session.pop(TOKEN, None)
        g.login_ended = why
        if login.session.revoked_at is None:
            with transaction():
                sessions.end(login.session, why, now)
        return None
    if sessions.touch_due(login, now):
        try:
            with transaction() as writing:
                sessions.touch(writing, login, now)
        except OperationalError:
            return sessions.find(db.session(), token)
    return login


def _detour(login: sessions.Login) -> ResponseReturnValue | None:
    """A password that must be set, or a second factor that must be enrolled, comes before everything else."""
    if request.endpoint in FREE_WHILE_BARRED:
        return None
    if must_set_password(login.account, clock()(), policy()):
        return redirect(url_for("account.password"))
    if policy().second_factor and not second_factor.enrolled(login.account):
        return redirect(url_for("account.second_factor"))
    return None


def _choose_language() -> None:
    """Before anybody chose, the browser's language counts, as far as this installation has it."""
    if "locale" not in session:
        languages = list(current_app.config["LANGUAGES"])
        session["locale"] = request.accept_languages.best_match(languages) or current_app.config["BABEL_DEFAULT_LOCALE"]
