"""Letters that tell the agency that electronic signatures are legally binding (21 CFR 11.100(c), SIG-3)."""

from flask_appbuilder import AppBuilder
from flask_babel import lazy_gettext as _l

from app.models.access import LetterOfCertification
from app.views.base import RecordView

ORDER = 820


class LetterView(RecordView):
    """One letter per site; the letter itself is attached as a file."""

    model = LetterOfCertification
    resource = "configuration"
    route_base = "/letters"
    icon = "mail"
    title = _l("Letters of certification")
    title_one = _l("Letter of certification")
    lead = _l("Sent to the agency before electronic signatures are used at a site. Attach each letter to its record.")
    list_columns = ("site_id", "sent_on")
    show_columns = ("site_id", "sent_on")
    filter_columns = ("site_id", "sent_on")
    add_columns = ("site_id", "sent_on")
    order = ("-sent_on",)


def register(appbuilder: AppBuilder) -> None:
    """Register the list of letters."""
    appbuilder.add_view(LetterView(), "letters", icon="mail", label=LetterView.title, category="Administration")
