"""One's own login: password, second factor, signed-in browsers, language and zone (SEC-2)."""

from zoneinfo import available_timezones

import segno
from flask import current_app, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import limit
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, SelectField
from wtforms.validators import DataRequired, EqualTo

from app.domain.errors import NotFound, RuleBroken
from app.extensions import db
from app.models.access import LoginSession
from app.services import logins, second_factor, sessions
from app.views import acting
from app.views.guard import public, signed_in
from app.views.login import CodeForm, allowed_tries
from app.views.refusals import show_on
from app.views.transaction import transaction

PENDING = "second factor to test"


class NewPasswordForm(FlaskForm):
    """A new password, twice."""

    password = PasswordField(
        _l("New password"),
        [DataRequired(_l("Enter a new password."))],
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        _l("New password again"),
        [EqualTo("password", _l("The two new passwords differ."))],
        render_kw={"autocomplete": "new-password"},
    )


class ChangePasswordForm(NewPasswordForm):
    """The present password and a new one, twice."""

    present = PasswordField(
        _l("Present password"),
        [DataRequired(_l("Enter your present password."))],
        render_kw={"autocomplete": "current-password"},
    )


class ProfileForm(FlaskForm):
    """Language and time zone."""

    language = SelectField(_l("Language"))
    time_zone = SelectField(_l("Time zone"))


class AccountView(BaseView):
    """Pages about one's own login; they concern nobody else, so every signed-in person may open them."""

    route_base = "/account"
    default_view = "profile"

    @expose("/", methods=["GET", "POST"])
    @signed_in
    def profile(self) -> ResponseReturnValue:
        """Choose language and time zone."""
        account = g.login.account
        form = ProfileForm(data={"language": account.language or session.get("locale"), "time_zone": account.time_zone})
        form.language.choices = [(code, one["name"]) for code, one in current_app.config["LANGUAGES"].items()]
        form.time_zone.choices = [
            ("", gettext("As the site")),
            *((zone, zone) for zone in sorted(available_timezones())),
        ]
        if form.validate_on_submit():
            with transaction():
                account.language = form.language.data
                account.time_zone = form.time_zone.data or None
            session["locale"] = form.language.data
            flash(gettext("Saved."), "success")
            return redirect(url_for("account.profile"))
        return self.render_template("access/profile.html", title=gettext("My profile"), form=form, user=g.login.user)

    @expose("/password", methods=["GET", "POST"])
    @limit(allowed_tries, methods=["POST"])
    @signed_in
    def password(self) -> ResponseReturnValue:
        """Set a new password; every other signed-in browser of this login ends."""
        form = ChangePasswordForm()
        if form.validate_on_submit() and self._change(form):
            flash(gettext("Your new password is set. Other browsers were signed out."), "success")
            return redirect("/")
        barred = logins.must_set_password(g.login.account, acting.clock()(), acting.policy())
        lead = gettext("Before you go on, choose a new password that only you know.") if barred else ""
        return self.render_template(
            "access/password.html",
            title=gettext("Change password"),
            form=form,
            lead=lead,
            barred=barred,
            shortest=acting.policy().shortest,
        ), 422 if form.errors else 200

    def _change(self, form: ChangePasswordForm) -> bool:
        login, now = g.login, acting.clock()()
        with transaction() as current:
            known = sessions.knows_password(current, login.user, form.present.data or "", now, acting.policy())
        if not known:
            form.present.errors = [gettext("This is not your present password.")]
            return False
        try:
            with transaction() as current:
                logins.set_password(current, login.user, form.password.data or "", now, acting.policy())
                sessions.end_all(current, login.user.id, "new password", now, except_id=login.session.id)
        except RuleBroken as refusal:
            show_on(form, refusal)
            return False
        return True

    @expose("/set/<string:secret>", methods=["GET", "POST"])
    @limit("20 per minute", methods=["POST"])
    @public
    def set_by_link(self, secret: str) -> ResponseReturnValue:
        """Set a first or new password by a one-time link; only the owner ever knows it (21 CFR 11.200(a)(2))."""
        now = acting.clock()()
        user = logins.owner_of_link(db.session(), secret, now)
        if user is None:
            raise NotFound("This link was used before, was replaced, or is older than a day. Ask for a new one.")
        form = NewPasswordForm()
        if form.validate_on_submit():
            try:
                with transaction() as current:
                    logins.set_password(current, user, form.password.data or "", now, acting.policy())
                    sessions.end_all(current, user.id, "new password", now)
                flash(gettext("Your password is set. Sign in with it."), "success")
                return redirect(url_for("LoginView.login"))
            except RuleBroken as refusal:
                show_on(form, refusal)
        return self.render_template(
            "access/password.html",
            title=gettext("Set your password"),
            form=form,
            lead=gettext("User name: %(name)s", name=user.username),
            barred=True,
            shortest=acting.policy().shortest,
        ), 422 if form.errors else 200

    @expose("/second-factor", methods=["GET", "POST"])
    @signed_in
    def second_factor(self) -> ResponseReturnValue:
        """Set up the second factor; it counts once a code from the app has been entered."""
        account = g.login.account
        form = CodeForm()
        if second_factor.enrolled(account):
            return self._second_factor_page(form, "")
        secret = session.setdefault(PENDING, second_factor.new_secret())
        if form.validate_on_submit():
            try:
                with transaction() as current:
                    now, key = acting.clock()(), current_app.config["SECRET_KEY"]
                    second_factor.enroll(current, account, secret, form.code.data or "", now, key)
                session.pop(PENDING, None)
                flash(gettext("Your second factor is on."), "success")
                return redirect("/")
            except RuleBroken as refusal:
                show_on(form, refusal)
        return self._second_factor_page(form, secret)

    def _second_factor_page(self, form: CodeForm, secret: str) -> ResponseReturnValue:
        address = second_factor.address(secret, g.login.user.username, current_app.config["APP_NAME"]) if secret else ""
        return self.render_template(
            "access/second_factor.html",
            title=gettext("Second factor"),
            form=form,
            secret=secret,
            picture=segno.make(address).svg_data_uri(scale=5) if secret else "",
            enrolled_at=g.login.account.totp_confirmed_at,
            wanted=acting.policy().second_factor,
        ), 422 if form.errors else 200

    @expose("/sessions")
    @signed_in
    def sessions(self) -> ResponseReturnValue:
        """Show the browsers in which one is signed in."""
        return self.render_template(
            "access/sessions.html",
            title=gettext("My sessions"),
            lead=gettext("End a browser that you do not know, then change your password."),
            rows=sessions.open_of(db.session(), g.login.user.id),
            here=g.login.session.id,
            may_end=True,
            end_endpoint="account.end_session",
            end_values={},
        )

    @expose("/sessions/<int:number>/end", methods=["POST"])
    @signed_in
    def end_session(self, number: int) -> ResponseReturnValue:
        """End one of one's own browsers."""
        with transaction() as current:
            one = current.get(LoginSession, number)
            if one is None or one.user_id != g.login.user.id:
                raise NotFound("There is no such session of yours.")
            sessions.end(one, "ended by owner", acting.clock()())
        flash(gettext("The session was ended."), "success")
        return redirect(url_for("account.sessions") if request.form.get("stay", "1") else "/")
