"""What a login that may see one client only learns of the others from mail, logins and the access review (CLI-1)."""

import pytest
from flask.testing import FlaskClient
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select

from app.domain.text import Phrase
from app.models.access import AccountClient, UserAccount
from app.models.jobs import OutboxMail
from app.models.organization import Unit
from app.safeguards.context import acting
from app.services import notifications
from tests.cast import context_of
from tests.conftest import House

pytestmark = pytest.mark.req("CLI-1")


def narrowed(house: House, username: str, client: str = "ACME") -> FlaskClient:
    """Return a browser of ``username``, who sees ``client`` only from now on."""
    with acting(context_of()):
        account = house.session.scalars(
            select(UserAccount).join(UserAccount.user).where(User.username == username)
        ).one()
        unit = house.session.scalars(select(Unit).where(Unit.code == client)).one()
        account.all_clients = False
        house.session.add(AccountClient(account_id=account.id, unit_id=unit.id))
        house.session.commit()
    return house.client(username)


def number_of(house: House, username: str) -> int:
    with acting(context_of()):
        return int(
            house.session.scalars(select(UserAccount.id).join(UserAccount.user).where(User.username == username)).one()
        )


def mail_about_beta(house: House) -> int:
    with acting(context_of()):
        mail = notifications.write(
            house.session, "charlie@example.com", Phrase("Read: Filling beta lemonade"), Phrase("Please read it.")
        )
        mail.state = "dead"
        house.session.commit()
        return mail.id


def test_mail_is_for_those_who_see_all_clients(house: House) -> None:
    number = mail_about_beta(house)
    everybody = house.client("quinn")
    assert "beta lemonade" in everybody.get("/outbox/list/").text
    assert "beta lemonade" in everybody.get("/outbox/export/csv").text
    assert everybody.get(f"/outbox/show/{number}").status_code == 200
    quinn = narrowed(house, "quinn")
    for page in ("/outbox/list/", "/outbox/list/?q=lemonade", "/outbox/export/csv"):
        answer = quinn.get(page)
        assert answer.status_code == 200, page
        assert "beta lemonade" not in answer.text, page
        assert "charlie@example.com" not in answer.text, page
    assert quinn.get(f"/outbox/show/{number}").status_code == 404


def test_only_those_who_see_all_clients_send_mail_again(house: House) -> None:
    number = mail_about_beta(house)
    assert narrowed(house, "ada").post("/outbox/do/again", data={"rowid": number}).status_code == 404
    with acting(context_of()):
        house.session.expire_all()
        assert house.session.get_one(OutboxMail, number).state == "dead"


def test_pages_of_logins_name_no_client_outside_of_the_scope(house: House) -> None:
    charlie = number_of(house, "charlie")
    everybody = house.client("quinn")
    assert "BETA" in everybody.get("/users/list/").text
    assert "BETA" in everybody.get("/access-review/").text
    quinn = narrowed(house, "quinn")
    for page in ("/access-review/", "/access-review/export/csv"):
        answer = quinn.get(page)
        assert answer.status_code == 200, page
        assert "harlie" in answer.text, page
        assert "BETA" not in answer.text, page
    for page in ("/users/list/", "/users/export/csv"):
        assert "harlie" not in quinn.get(page).text, page
    assert quinn.get(f"/users/show/{charlie}").status_code == 404
    assert "ACME" in quinn.get("/users/list/").text
    assert "ACME" in quinn.get("/access-review/").text


def test_a_login_that_reaches_further_is_out_of_reach(house: House) -> None:
    quinn = number_of(house, "quinn")
    ada = narrowed(house, "ada")
    assert "axel" in ada.get("/users/list/").text, "Axel sees the same client"
    assert ada.get(f"/users/edit/{quinn}").status_code == 404
    assert ada.post(f"/users/edit/{quinn}", data={"email": "mine@example.com"}).status_code == 404
    assert ada.post("/users/do/deactivate", data={"rowid": quinn}).status_code == 404
    with acting(context_of()):
        house.session.expire_all()
        account = house.session.get_one(UserAccount, quinn)
        assert account.user.active
        assert account.user.email != "mine@example.com"
