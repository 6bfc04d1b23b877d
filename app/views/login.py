"""Signing in and out (SEC-2). What is said to a stranger is the same whatever was wrong."""

from datetime import datetime, timedelta
from typing import Any

from flask import current_app, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import limit
from flask_appbuilder.security.sqla.models import User
from flask_appbuilder.security.views import AuthView
from flask_appbuilder.utils.base import get_safe_redirect
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired

from app.extensions import db
from app.models.access import UserAccount
from app.safeguards import audit
from app.services import configuration, logins, second_factor, sessions
from app.views import acting
from app.views.guard import public
from app.views.transaction import transaction

HALF = "half signed in"
HALF_MINUTES = 5


class LoginForm(FlaskForm):
    """User name and password."""

    username = StringField(_l("User name"), [DataRequired(_l("Enter your user name."))])
    password = PasswordField(_l("Password"), [DataRequired(_l("Enter your password."))])


class CodeForm(FlaskForm):
    """The code of the second factor."""

    code = StringField(
        _l("Code"),
        [DataRequired(_l("Enter the code that your authenticator app shows."))],
        render_kw={"inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True},
    )


def allowed_tries() -> str:
    """Return how often one address may try a password or code, in the words of Flask-Limiter."""
    return str(current_app.config["AUTH_RATE_LIMIT"])


class LoginView(AuthView):
    """The sign-in page, its second step, and signing out."""

    login_template = "appbuilder/general/security/login_db.html"
    code_template = "access/code.html"
    logout_template = "access/logout.html"

    @expose("/login/", methods=["GET", "POST"])
    @limit(allowed_tries, methods=["POST"])
    @public
    def login(self) -> ResponseReturnValue:
        """Ask for user name and password; with a second factor, go on to its code."""
        if g.login is not None:
            return redirect(_wanted())
        form = LoginForm()
        status = 200
        if form.validate_on_submit():
            answer = self._try(form)
            if answer is not None:
                return answer
            status = 401
        elif why := g.pop("login_ended", None):
            flash(_said(why), "info")
        page = self.render_template(
            self.login_template,
            title=gettext("Sign in"),
            form=form,
            notice=configuration.setting(db.session(), "sign_in_notice", ""),
            demo_logins=current_app.config.get("DEMO_LOGINS"),
        )
        return page, status

    def _try(self, form: LoginForm) -> ResponseReturnValue | None:
        now = acting.clock()()
        with transaction():
            attempt = logins.authenticate(
                db.session(), form.username.data or "", form.password.data or "", now, acting.policy()
            )
        if attempt.user is None or attempt.account is None:
            form.password.errors = [_refusal()]
            return None
        if second_factor.enrolled(attempt.account):
            session[HALF] = [attempt.user.id, now.isoformat()]
            return redirect(url_for("LoginView.code", next=request.args.get("next")))
        return sign_in(attempt.user, attempt.account)

    @expose("/login/code", methods=["GET", "POST"])
    @limit(allowed_tries, methods=["POST"])
    @public
    def code(self) -> ResponseReturnValue:
        """Ask for the code of the second factor."""
        user = _half_signed_in()
        if user is None:
            return redirect(url_for("LoginView.login"))
        form = CodeForm()
        status = 200
        if form.validate_on_submit():
            account = _code_fits(user, form.code.data or "")
            if account is not None:
                return sign_in(user, account)
            form.code.errors = [gettext("This code is not right, or it was used before. Wait for the next one.")]
            status = 401
        return self.render_template(self.code_template, title=gettext("Second factor"), form=form), status

    @expose("/logout/", methods=["GET", "POST"])
    @public
    def logout(self) -> ResponseReturnValue:
        """End this signed-in browser; a plain link only asks, so that no other site can sign anybody out."""
        if g.login is None:
            return redirect(url_for("LoginView.login"))
        if request.method == "GET":
            return self.render_template(self.logout_template, title=gettext("Sign out"))
        with transaction() as current:
            sessions.end(g.login.session, "logout", acting.clock()())
            audit.note(current, "logout", g.login.user)
        language = session.get("locale")
        session.clear()
        session["locale"] = language
        flash(gettext("You are signed out."), "success")
        return redirect(url_for("LoginView.login"))


def sign_in(user: User, account: UserAccount) -> ResponseReturnValue:
    """Open a session on the server for this browser and go where the visitor wanted to go."""
    now = acting.clock()()
    language = account.language or session.get("locale")
    session.clear()
    token = ""
    login = sessions.Login(None, user, account)  # type: ignore[arg-type]
    with transaction() as current:
        token = sessions.open_session(
            current, user, now, address=request.remote_addr, browser=request.headers.get("User-Agent")
        )
        login = sessions.find(current, token) or login
        acting.enter(login)
        logins.signed_in(current, user, account, now)
    session[acting.TOKEN] = token
    session["locale"] = language
    session.permanent = True
    return redirect(_wanted())


def _half_signed_in() -> User | None:
    try:
        user_id, since = session[HALF]
        fresh = datetime.fromisoformat(since) + timedelta(minutes=HALF_MINUTES) > acting.clock()()
    except (KeyError, TypeError, ValueError):
        return None
    return db.session.get(User, user_id) if fresh else None


def _code_fits(user: User, code: str) -> UserAccount | None:
    """Check the code; a wrong one counts as a failed sign-in, and a locked login stays locked."""
    now = acting.clock()()
    with transaction() as current:
        account = logins.account_of(current, user)
        if account.locked_until is not None and account.locked_until > now:
            audit.note(current, "login refused", user, why="locked")
            return None
        if second_factor.accepts(current, account, code, now, current_app.config["SECRET_KEY"]):
            return account
        logins.count_failure(current, account, now, acting.policy())
        audit.note(current, "login refused", user, why="wrong code")
    return None


def _wanted() -> str:
    """The page that was asked for, if it is ours, else the first page."""
    return str(get_safe_redirect(request.args.get("next") or "/"))


def _refusal() -> str:
    return gettext(
        "User name or password is wrong, or this login is locked for now. After %(tries)s wrong tries a login stays "
        "locked for %(minutes)s minutes.",
        tries=acting.policy().attempts,
        minutes=acting.policy().lock_minutes,
    )


def _said(why: str) -> Any:
    """The sentence for somebody whose session ended, in words that help and give nothing away."""
    if why == "idle":
        return gettext("You were signed out because nothing happened for a while. What was saved is saved.")
    if why == "too long":
        return gettext("Your session reached its longest time. Sign in again.")
    return gettext("Your session was ended. Sign in again.")
