"""Error pages, and refusals as sentences."""

from http import HTTPStatus

from flask import Flask, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.exceptions import HTTPException

from app.domain.errors import RuleBroken
from app.extensions import db

EXPLANATIONS = {
    400: _l("The request could not be understood. Go back, reload the page and try again."),
    403: _l("Your role does not allow this. Ask an administrator if you need it for your work."),
    404: _l("There is no such page or record, or it is not within your client scope."),
    405: _l("This address only accepts a form. Go back and use the button on the page."),
    409: _l("Somebody else changed this record since you opened it."),
    413: _l("The file is larger than this installation accepts."),
    422: _l("What was sent breaks a rule."),
    429: _l("Too many tries in a short time. Wait a minute and try again."),
    500: _l("Something went wrong on our side. Nothing was written. The administrator finds the details in the log."),
}


TITLES = {
    400: _l("Not understood"),
    401: _l("Sign in first"),
    403: _l("Not allowed"),
    404: _l("Not found"),
    405: _l("Not by this way"),
    409: _l("Changed meanwhile"),
    413: _l("Too large"),
    422: _l("This cannot be done"),
    429: _l("Too many tries"),
    500: _l("Something went wrong"),
}


def install(app: Flask) -> None:
    """Answer refusals and errors of ``app`` with a page that says what to do next, or with JSON where asked for."""
    app.register_error_handler(RuleBroken, refused)
    app.register_error_handler(HTTPException, failed)
    app.register_error_handler(Exception, broken)


def refused(error: RuleBroken) -> ResponseReturnValue:
    """Answer a rule that says no with its sentence in the reader's language."""
    db.session.rollback()
    return answer(error.status, error.phrase.render(gettext))


def failed(error: HTTPException) -> ResponseReturnValue:
    """Answer an HTTP error; redirects pass through."""
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST or error.response is not None:
        return error
    return answer(error.code, str(EXPLANATIONS.get(error.code, error.description or "")))


def broken(error: Exception) -> ResponseReturnValue:
    """Answer a defect of ours: log it, undo the transaction, tell the reader without details."""
    db.session.rollback()
    current_app.logger.exception("Unhandled error", exc_info=error)
    return answer(500, str(EXPLANATIONS[500]))


def answer(status: int, sentence: str) -> ResponseReturnValue:
    """Return ``sentence`` as a page, or as JSON when the client prefers that."""
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(error=sentence, status=status), status
    title = str(TITLES.get(status, TITLES[500 if status >= HTTPStatus.INTERNAL_SERVER_ERROR else 400]))
    return render_template("errors/error.html", status=status, title=title, sentence=sentence), status
