"""Decisions about one person that take a signature in the act: exemptions and revocations (MTX-9, MTX-13)."""

from typing import Any

from flask import flash, g, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from app.domain.errors import RuleBroken
from app.domain.lifecycles import MEANINGS, signing_of
from app.models.matrix import Exemption, Revocation
from app.services import matrix, signing
from app.views.columns import columns
from app.views.forms import RecordForm, form_for
from app.views.guard import permitted
from app.views.look import say
from app.views.matrix import DecisionView
from app.views.record_core import Tab
from app.views.refusals import sentence, show_on
from app.views.signing import policy, seen_signatures
from app.views.transaction import transaction

ORDER = 55


class SealForm(FlaskForm):
    """The two components of a signature (21 CFR 11.200(a)(1))."""

    username = StringField(
        _l("User name"),
        [InputRequired(_l("Enter your user name."))],
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        _l("Password"), [InputRequired(_l("Enter your password."))], render_kw={"autocomplete": "off"}
    )


class SignedDecisionView(DecisionView):
    """A decision that is recorded and signed by one form: what was typed is what is signed."""

    purpose = ""
    may_edit = False
    add_template = "matrix/signed_form.html"

    @expose("/add", methods=["GET", "POST"])
    @permitted("add")
    def add(self) -> ResponseReturnValue:
        """Show the form with its signature, and record both in one transaction."""
        form = form_for(columns(self.model, self.add_columns), [], None, self.given(), ask_reason=False)
        seal = SealForm(formdata=None) if not form.is_submitted() else SealForm()
        fine = form.validate_on_submit()
        if form.is_submitted() and seal.validate() and fine:
            try:
                record = self._decided(form, seal)
            except signing.WrongComponents as wrong:
                with transaction() as session:
                    locked = signing.record_failure(session, policy())
                if locked:
                    return redirect(url_for("LoginView.login"))
                seal.password.errors = [sentence(wrong)]
            except RuleBroken as refusal:
                show_on(form, refusal)
            else:
                flash(gettext("Signed: %(record)s", record=str(record)), "success")
                return redirect(self.url_of(record))
        return self._sign_page(form, seal)

    def _decided(self, form: RecordForm, seal: SealForm) -> Any:
        """Record the decision, then sign exactly what was recorded; a refusal of either undoes both."""
        values = form.values()
        with transaction(values["reason"]) as session:
            record = self.create(session, values)
            page = signing.open_challenge(session, record, self.purpose, g.login.session, policy().idle)
            act = signing.Act(
                page.token, seal.username.data, seal.password.data or "", g.login.session, values["reason"]
            )
            signing.sign(session, act, policy())
        return record

    def _sign_page(self, form: RecordForm, seal: SealForm) -> ResponseReturnValue:
        meaning, statement = signing_of(self.model.__tablename__, self.purpose)
        title = str(self.title_one)
        page = self.render_template(
            self.add_template,
            title=title,
            crumbs=[(self.title, self.list_url()), (title, None)],
            view=self,
            form=form,
            seal=seal,
            meaning=say(MEANINGS[meaning]),
            statement=say(statement),
            cancel_url=self.list_url(),
            submit_label=gettext("Sign"),
        )
        return page, 422 if form.errors or form.form_errors or seal.errors else 200

    def tabs(self, record: Any) -> list[Tab]:
        """Show the signature beside the decision."""
        body = self.render_template("matrix/signatures.html", signatures=seen_signatures(record))
        return [Tab("signatures", _l("Signatures"), body, "signature")]


class ExemptionView(SignedDecisionView):
    """Who need not be trained on what, until when and why."""

    model = Exemption
    resource = "exemptions"
    purpose = "approve"
    route_base = "/matrix/exemptions"
    title = _l("Exemptions")
    title_one = _l("Exemption")
    lead = _l("One person need not be trained on one item for a while. Each is approved by a signature.")
    icon = "shield-off"
    list_columns = ("person_id", "item_id", "starts_at", "ends_at", "reason")
    show_columns = (*list_columns, "recorded_at", "evidence_id", "evidence_place")
    filter_columns = ("person_id", "item_id", "starts_at")
    add_columns = ("person_id", "item_id", "starts_at", "ends_at", "reason")
    order = ("-starts_at",)


class RevocationView(SignedDecisionView):
    """Whose qualification was taken away, and why."""

    model = Revocation
    resource = "revocations"
    purpose = "revoke"
    route_base = "/matrix/revocations"
    title = _l("Revoked qualifications")
    title_one = _l("Revocation")
    lead = _l("A qualification taken away for cause. Training done before no longer counts.")
    icon = "circle-minus"
    list_columns = ("person_id", "item_id", "revoked_at", "reason")
    show_columns = (*list_columns, "recorded_at")
    filter_columns = ("person_id", "item_id", "revoked_at")
    add_columns = ("person_id", "item_id", "reason")
    order = ("-revoked_at",)

    def create(self, session: Any, values: dict[str, Any]) -> Any:
        """Take the qualification away from now on."""
        return matrix.revoke(session, **values)


def register(appbuilder: AppBuilder) -> None:
    """Register exemptions and revocations."""
    for view in (ExemptionView, RevocationView):
        appbuilder.add_view(
            view(),
            view.__name__,
            icon=view.icon,
            label=view.title,
            category="Matrix",
            category_icon="grid-4x4",
            category_label=_l("Training matrix"),
        )
