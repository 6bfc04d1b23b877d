"""Scheduled work and waiting mail: what ran, with which result, and running it by hand (JOB-1, JOB-3)."""

from typing import Any

from flask_appbuilder import AppBuilder
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, false

from app.models.jobs import JobRun, OutboxMail
from app.safeguards.context import current
from app.services import jobs, notifications
from app.views.base import RecordView
from app.views.record_core import deed

ORDER = 900


class JobRunView(RecordView):
    """Runs of scheduled work. Each is a record; none is changed by hand."""

    model = JobRun
    resource = "jobs"
    route_base = "/jobs"
    title = _l("Scheduled work")
    title_one = _l("Run")
    lead = _l("What the system did by itself, when, and what came of it.")
    icon = "clock-play"
    list_columns = ("job", "slot", "state", "started_at", "finished_at", "result")
    search_columns = ("job", "result")
    filter_columns = ("job", "state", "started_at")
    order = ("-id",)
    may_add = False
    may_edit = False
    keeps_files = False

    @deed("again", _l("Run again now"), "run", icon="player-play")
    def again(self, session: Any, runs: Any) -> str:
        """Ask for another run of these jobs; the next scheduler takes it up within a minute."""
        count = jobs.ask_for(session, [one.job for one in runs])
        return gettext("%(count)s runs are asked for. The scheduler takes them up within a minute.", count=count)


class OutboxView(RecordView):
    """Mail that waits, went out, or was given up."""

    model = OutboxMail
    resource = "jobs"
    route_base = "/outbox"
    title = _l("Mail")
    title_one = _l("Mail")
    lead = _l("Every mail is written together with its cause and sent as soon as the mail server takes it.")
    icon = "mail"
    list_columns = ("to", "subject", "state", "created_at", "tries", "sent_at", "last_error")
    search_columns = ("to", "subject")
    filter_columns = ("state", "created_at")
    order = ("-id",)
    may_add = False
    may_edit = False
    keeps_files = False

    def base_query(self) -> Select[Any]:
        """All mail for those who see all clients, none for others: a mail names records of any client (CLI-1)."""
        query = super().base_query()
        return query if current().clients is None else query.where(false())

    @deed("again", _l("Try again now"), "run", icon="refresh")
    def again(self, session: Any, letters: Any) -> str:
        """Let mail that was given up, or waits for a later try, go out with the next round."""
        count = notifications.try_again(session, letters)
        return gettext("%(count)s mails will be tried again at once.", count=count)


def register(appbuilder: AppBuilder) -> None:
    """Put both lists into the menu."""
    for view, name in ((JobRunView, "job runs"), (OutboxView, "outbox")):
        appbuilder.add_view(
            view(), name, icon=view.icon, label=view.title, category="Administration", category_icon="settings",
            category_label=_l("Administration"),
        )  # fmt: skip
