"""Shows a rule's refusal at the field that it is about, so that nothing typed is lost (UX-4)."""

from flask_babel import gettext
from wtforms.form import BaseForm

from app.domain.errors import RuleBroken


def sentence(refusal: RuleBroken) -> str:
    """Return the refusal in the reader's language."""
    return refusal.phrase.render(gettext)


def show_on(form: BaseForm, refusal: RuleBroken) -> None:
    """Put the refusal at its field, or above the whole form when it names none that the form has."""
    text = sentence(refusal)
    name = refusal.field
    field = form[name] if name and name in form else None
    if field is None and name and f"{name}_id" in form:
        field = form[f"{name}_id"]
    if field is not None:
        field.errors = [*field.errors, text]
    else:
        form.form_errors.append(text)
