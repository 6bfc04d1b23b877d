"""Logins: list, page, form and what an administrator can do with them (SEC-1, SEC-2, CLI-1)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from flask import current_app, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, expose
from flask_appbuilder.security.sqla.models import Role, User
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import Select, select
from sqlalchemy.orm import contains_eager, selectinload
from wtforms import BooleanField, DateField, HiddenField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import Email, InputRequired, Length, Optional

from app.domain.dates import calendar_of
from app.domain.errors import NotFound, RuleBroken
from app.extensions import db
from app.models.access import AccountClient, LoginSession, UserAccount
from app.models.organization import Unit
from app.models.people import Person
from app.safeguards.context import current
from app.services import access, sessions, users
from app.views import acting
from app.views.base import Button, RecordView, deed
from app.views.columns import Column, calculated, column
from app.views.fields import LookupField, stripped
from app.views.guard import permitted
from app.views.refusals import show_on
from app.views.transaction import transaction

ORDER = 800
NEEDED = _l("This is needed.")


class UserForm(FlaskForm):
    """A login; user names are given once."""

    username = StringField(_l("User name"), [InputRequired(NEEDED), Length(max=127)], filters=[stripped])
    first_name = StringField(_l("First name"), [InputRequired(NEEDED), Length(max=64)], filters=[stripped])
    last_name = StringField(_l("Last name"), [InputRequired(NEEDED), Length(max=64)], filters=[stripped])
    email = StringField(
        _l("E-mail"),
        [InputRequired(NEEDED), Email(_l("This is no e-mail address.")), Length(max=320)],
        filters=[stripped],
    )
    roles = SelectMultipleField(_l("Roles"), coerce=int)
    all_clients = BooleanField(_l("Sees the records of all clients"))
    clients = SelectMultipleField(
        _l("Clients"),
        coerce=int,
        description=_l("Only these, and records without a client. Used when not all are seen."),
    )
    valid_until = DateField(
        _l("Last day"), [Optional()], description=_l("For auditors and temporary staff: no access after this day.")
    )
    person_id = LookupField(
        _l("Person"), [Optional()], Person, description=_l("Whose training record this login opens.")
    )


class ChangedUserForm(UserForm):
    """A login that is there already."""

    username = None
    row_version = HiddenField()
    reason = TextAreaField(
        _l("Reason for the change"), [InputRequired(_l("Say why this changes."))], filters=[stripped]
    )


def _name(account: UserAccount) -> str:
    return str(account.user.get_full_name())


def _state(account: UserAccount) -> str:
    now = current().now()
    if not account.user.active:
        return gettext("Deactivated")
    if account.valid_until is not None and account.valid_until <= now:
        return gettext("Ended")
    if account.signing_locked or (account.locked_until is not None and account.locked_until > now):
        return gettext("Locked")
    return gettext("Password not set") if account.password_changed_at is None else gettext("Active")


def _scope(account: UserAccount) -> str:
    if account.all_clients:
        return gettext("All clients")
    return ", ".join(access.client_codes(account)) or ("" if account.clients else gettext("Own company only"))


def _last_login(account: UserAccount) -> datetime | None:
    last = account.user.last_login
    return last.replace(tzinfo=acting.clock()().tzinfo) if last else None


class UserView(RecordView):
    """Logins. Never deleted; no password is ever seen or set by anybody but its owner."""

    model = UserAccount
    resource = "users"
    route_base = "/users"
    icon = "users"
    title = _l("Logins")
    title_one = _l("Login")
    filter_columns = ("all_clients", "signing_locked")
    show_columns = (
        "password_changed_at",
        "totp_confirmed_at",
        "identity_verified_by",
        "failed_logins",
        "failed_signings",
    )
    keeps_files = False

    def base_query(self) -> Select[Any]:
        """Accounts that one may know of, with their user, roles and clients."""
        return (
            super()
            .base_query()
            .where(users.within_scope())
            .join(UserAccount.user)
            .options(
                contains_eager(UserAccount.user).selectinload(User.roles),
                selectinload(UserAccount.clients).joinedload(AccountClient.unit),
            )
        )

    def usual_order(self) -> Iterable[Any]:
        """By user name."""
        return (User.username,)

    def searched(self) -> Sequence[Any]:
        """Names and addresses."""
        return (User.username, User.first_name, User.last_name, User.email)

    def listed(self) -> list[Column]:
        """What tells logins apart and what deserves a look."""
        return [
            calculated("username", _l("User name"), lambda one: one.user.username),
            calculated("name", _l("Name"), _name),
            calculated("roles", _l("Roles"), lambda one: ", ".join(sorted(role.name for role in one.user.roles))),
            calculated("scope", _l("Client scope"), _scope),
            calculated("login_state", _l("State"), _state),
            calculated("last_login", _l("Last login"), _last_login),
            column(UserAccount, "valid_until"),
            column(UserAccount, "identity_verified_at"),
        ]

    def heading(self, record: Any) -> str:
        """The printed name."""
        return _name(record)

    def facts(self, record: Any) -> Any:
        """Everything that an administrator may know about a login."""
        person = db.session.scalar(select(Person).where(Person.user_id == record.user_id))
        return [
            *((one.label, one.shown(record)) for one in self.listed()),
            (_l("E-mail"), record.user.email),
            (_l("Person"), str(person) if person else None),
            (_l("Password changed"), record.password_changed_at),
            (_l("Second factor since"), record.totp_confirmed_at),
            (_l("Failed logins"), record.failed_logins),
            (_l("Failed signings"), record.failed_signings),
            (_l("Identity verified by"), record.identity_verified_by),
        ]

    def buttons(self, record: Any) -> Iterable[Button]:
        """The password link and the signed-in browsers."""
        if current().may("users", "edit") and record.user.active:
            yield Button(
                _l("Send a link to set a password"),
                url_for("UserView.link", pk=record.id),
                "key",
                post=True,
                confirm=_l("The present password stops working and every signed-in browser ends. Go on?"),
            )
        if current().may("users", "end"):
            yield Button(_l("Signed-in browsers"), url_for("UserView.browsers", pk=record.id), "device-laptop")

    # --- deeds -------------------------------------------------------------------------------------------------------

    @deed("deactivate", _l("Deactivate"), "end", icon="user-minus", confirm=_l("Cut this login off at once?"))
    def deactivate(self, records: Sequence[UserAccount]) -> str:
        """Cut logins off."""
        count = users.deactivate(db.session(), records)
        return ngettext("%(num)s login was deactivated.", "%(num)s logins were deactivated.", count)

    @deed("reactivate", _l("Reactivate"), "edit", icon="user-check")
    def reactivate(self, records: Sequence[UserAccount]) -> str:
        """Let logins in again."""
        count = users.reactivate(db.session(), records)
        return ngettext("%(num)s login was reactivated.", "%(num)s logins were reactivated.", count)

    @deed("unlock", _l("Unlock"), "unlock", icon="lock-open")
    def unlock(self, records: Sequence[UserAccount]) -> str:
        """Open locked logins."""
        return ngettext(
            "%(num)s login was unlocked.", "%(num)s logins were unlocked.", users.unlock(db.session(), records)
        )

    @deed(
        "forget-factor", _l("Reset second factor"), "edit", icon="shield-off", confirm=_l("Is the phone really lost?")
    )
    def forget_factor(self, records: Sequence[UserAccount]) -> str:
        """Reset second factors."""
        count = users.forget_second_factor(db.session(), records)
        return ngettext("%(num)s second factor was reset.", "%(num)s second factors were reset.", count)

    @deed(
        "identify",
        _l("Identity verified"),
        "identify",
        icon="id-badge",
        confirm=_l("Did you check an identity document?"),
    )
    def identify(self, records: Sequence[UserAccount]) -> str:
        """Record verified identities."""
        count = users.verify_identity(db.session(), records)
        return ngettext(
            "%(num)s identity was recorded as verified.", "%(num)s identities were recorded as verified.", count
        )

    @expose("/link/<int:pk>", methods=["POST"])
    @permitted("edit")
    def link(self, pk: int) -> ResponseReturnValue:
        """Send a one-time link; without a mail server it is shown once, to be handed over in person."""
        account = self.record(pk)
        if not account.user.active:
            raise RuleBroken("This login is deactivated. Reactivate it first.")
        self._send_link(account)
        return redirect(self.url_of(account))

    def _send_link(self, account: UserAccount) -> None:
        base = current_app.config["BASE_URL"].rstrip("/")
        with transaction() as session:
            secret = users.send_link(session, account, f"{base}/account/set/{{secret}}")
        if current_app.config["MAIL_HOST"]:
            flash(gettext("A link to set a password is on its way to %(to)s.", to=account.user.email), "success")
        else:
            address = f"{base}{url_for('account.set_by_link', secret=secret)}"
            flash(
                gettext("There is no mail server. Hand this link to the owner; it works once: %(link)s", link=address),
                "warning",
            )

    @expose("/browsers/<int:pk>")
    @permitted("end")
    def browsers(self, pk: int) -> ResponseReturnValue:
        """Show in which browsers a login is signed in."""
        account = self.record(pk)
        return self.render_template(
            "access/sessions.html",
            title=gettext("Signed-in browsers"),
            lead=_name(account),
            rows=sessions.open_of(db.session(), account.user_id),
            here=None,
            may_end=True,
            end_endpoint="UserView.end_browser",
            end_values={"pk": pk},
            crumbs=[(self.title, self.list_url()), (_name(account), self.url_of(account)), (gettext("Browsers"), None)],
        )

    @expose("/browsers/<int:pk>/<int:number>/end", methods=["POST"])
    @permitted("end")
    def end_browser(self, pk: int, number: int) -> ResponseReturnValue:
        """End one signed-in browser of a login."""
        account = self.record(pk)
        with transaction() as session:
            one = session.get(LoginSession, number)
            if one is None or one.user_id != account.user_id:
                raise NotFound("There is no such session of this login.")
            sessions.end(one, "ended by administrator", current().now())
        flash(gettext("The session was ended."), "success")
        return redirect(url_for("UserView.browsers", pk=pk))

    # --- forms -------------------------------------------------------------------------------------------------------

    @expose("/add", methods=["GET", "POST"])
    @permitted("add")
    def add(self) -> ResponseReturnValue:
        """Make a login and send its owner a link to set a password."""
        form = _with_choices(UserForm())
        if form.validate_on_submit():
            try:
                with transaction() as session:
                    account = users.add_user(session, form.username.data or "", _wanted(form))
                self._send_link(account)
                return redirect(self.url_of(account))
            except RuleBroken as refusal:
                show_on(form, refusal)
        return self._form_page("records/form.html", gettext("Add a login"), form, cancel=self.list_url())

    @expose("/edit/<int:pk>", methods=["GET", "POST"])
    @permitted("edit")
    def edit(self, pk: int) -> ResponseReturnValue:
        """Change a login."""
        account = self.record(pk)
        form = _with_choices(ChangedUserForm(data=_present(account)))
        title = gettext("Edit: %(record)s", record=account.user.username)
        cancel = self.url_of(account)
        if form.is_submitted() and form.row_version.data != str(account.row_version):
            form.validate()
            form.row_version.data, form.row_version.raw_data = str(account.row_version), None
            return self._form_page(
                "records/form.html", title, form, cancel=cancel, conflict={"rows": [], "entry": None}, status=409
            )
        if form.validate_on_submit():
            try:
                with transaction(form.reason.data) as session:
                    users.change_user(session, account, _wanted(form))
                flash(gettext("Saved: %(record)s", record=account.user.username), "success")
                return redirect(cancel)
            except RuleBroken as refusal:
                show_on(form, refusal)
        return self._form_page("records/form.html", title, form, cancel=cancel)


def _with_choices(form: Any) -> Any:
    roles = db.session.scalars(select(Role).where(Role.name != "Public").order_by(Role.name))
    form.roles.choices = [(role.id, role.name) for role in roles]
    clients = db.session.scalars(select(Unit).where(Unit.kind == "client").order_by(Unit.code))
    form.clients.choices = [(unit.id, str(unit)) for unit in clients]
    return form


def _present(account: UserAccount) -> dict[str, Any]:
    calendar = calendar_of(current().zone)
    person = db.session.scalar(select(Person).where(Person.user_id == account.user_id))
    return {
        "first_name": account.user.first_name,
        "last_name": account.user.last_name,
        "email": account.user.email,
        "roles": [role.id for role in account.user.roles],
        "all_clients": account.all_clients,
        "clients": [one.unit_id for one in account.clients],
        "valid_until": calendar.last_day(account.valid_until) if account.valid_until else None,
        "person_id": person.id if person else None,
        "row_version": account.row_version,
    }


def _wanted(form: Any) -> users.Wanted:
    calendar = calendar_of(current().zone)
    return users.Wanted(
        first_name=form.first_name.data,
        last_name=form.last_name.data,
        email=form.email.data,
        role_ids=form.roles.data or (),
        all_clients=form.all_clients.data,
        client_ids=form.clients.data or (),
        valid_until=calendar.through(form.valid_until.data) if form.valid_until.data else None,
        person_id=form.person_id.data,
    )


def register(appbuilder: AppBuilder) -> None:
    """Register the pages of logins."""
    appbuilder.add_view(
        UserView(), "users", icon="users", label=_l("Logins"), category="Administration", category_icon="settings",
        category_label=_l("Administration"),
    )  # fmt: skip
