"""`fabd token`: shown once, kept nowhere but where it was asked for."""

import pytest
from sqlalchemy import select

from agent.cli.desk import Desk
from agent.clock import SystemClock
from agent.security import tokens
from agent.security.tables import AuditRow


def test_the_token_is_all_that_is_printed_and_it_works(prepared, folder):
    said = prepared.ok("token", "create", "noc", "--role", "operator", "--days", "30")
    secret = said.out.strip()
    assert said.lines == [secret]
    database = prepared.database()
    with database.read() as session:
        row = tokens.authenticate(session, secret, SystemClock().now())
        audit = session.scalars(select(AuditRow)).one()
    assert (row.name, row.role) == ("noc", "operator")
    assert (audit.action, audit.object, audit.after["role"]) == ("create", "token noc", "operator")
    database.close()
    assert secret.encode() not in (folder / "fabd-data" / "fabd.db").read_bytes()
    assert secret.rsplit("_", 1)[1] not in str(audit.after)


def test_a_saved_token_is_readable_by_its_owner_alone_and_found_by_commands(prepared, folder):
    said = prepared.ok("token", "create", "me", "--save")
    file = folder / "fabd-data" / "token"
    assert said.out == ""
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("fabd_")
    prepared.ok("token", "create", "me-too", "--save")
    assert len(file.read_text().splitlines()) == 1


def test_a_revoked_token_stays_listed_and_works_no_more(prepared):
    secret = prepared.ok("token", "create", "noc").out.strip()
    assert prepared.ok("token", "revoke", "noc").out == "token noc was revoked and works no more\n"
    assert prepared.ok("token", "revoke", "noc").out.startswith("token noc was revoked already, at ")
    (row,) = prepared.ok("token", "list", "--json").json
    assert (row["name"], row["role"], row["state"]) == ("noc", "viewer", "revoked")
    with prepared.database().read() as session:
        with pytest.raises(tokens.NotAuthenticated, match="was revoked"):
            tokens.authenticate(session, secret, SystemClock().now())
        assert session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all() == ["create", "revoke"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["create", "noc"], "a token named 'noc' exists; revoke it or choose another name"),
        (["create", " "], "a token needs a name that says who uses it, of 1 to 100 printable characters"),
        (["revoke", "nobody"], "there is no token named 'nobody'; see: fabd token list"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_no_trace(prepared, words, complaint):
    prepared.ok("token", "create", "noc")
    said = prepared("token", *words)
    assert (said.code, said.complaint, said.out) == (1, complaint, "")
    with prepared.database().read() as session:
        assert len(session.scalars(select(AuditRow)).all()) == 1


def test_without_tokens_the_list_says_how_to_make_one(prepared):
    assert "make one with `fabd token create" in prepared.ok("token", "list").err


def test_a_user_without_a_name_is_known_by_number(monkeypatch):
    def nameless():
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert Desk(None, SystemClock()).actor.name.removeprefix("cli:").isdigit()
