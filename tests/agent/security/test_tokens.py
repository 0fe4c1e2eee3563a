"""Tokens: shown once, kept as a digest, ended by time or by word."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from agent.security import tokens
from agent.security.errors import NotAuthenticated, TokenError
from agent.security.roles import Role
from agent.security.tables import TokenRow


def make(database, clock, name="noc", role=Role.OPERATOR, **options) -> str:
    with database.write() as session:
        return tokens.create(session, name, role, clock.now(), **options)


def who(database, clock, text) -> TokenRow:
    with database.read() as session:
        return tokens.authenticate(session, text, clock.now())


def test_a_token_opens_what_its_role_may(database, clock):
    row = who(database, clock, make(database, clock))
    assert (row.name, row.role, row.expires_at, row.revoked_at) == ("noc", "operator", None, None)


def test_the_secret_is_kept_nowhere(database, clock):
    secret = make(database, clock).rpartition("_")[2]
    assert len(secret) == 64
    with database.read() as session:
        row = session.scalars(select(TokenRow)).one()
        assert secret not in str(vars(row))


def test_no_two_tokens_are_alike(database, clock):
    made = {make(database, clock, f"noc-{number}") for number in range(20)}
    assert len({token.rpartition("_")[2] for token in made}) == len({token.split("_")[1] for token in made}) == 20


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda _: "fabd_",
        lambda token: token[:-1],
        lambda token: token + "0",
        lambda token: token.upper(),
        lambda token: token.removeprefix("fabd_"),
        lambda token: token.replace("_", "-"),
        lambda token: token.rpartition("_")[0] + "_" + "0" * 64,
        lambda _: "fabd_\0_\0",
        lambda _: "fabd_" + "é" * 64,
    ],
)
def test_anything_else_opens_nothing_and_learns_nothing(database, clock, spoil):
    token = make(database, clock)
    with pytest.raises(NotAuthenticated, match="not known here"):
        who(database, clock, spoil(token))


def test_a_token_ends_at_its_time(database, clock):
    token = make(database, clock, lifetime=timedelta(hours=1))
    clock.advance(3599)
    assert who(database, clock, token).name == "noc"
    clock.advance(1)
    with pytest.raises(NotAuthenticated, match="'noc' expired on 2026-01-05 10:00 UTC"):
        who(database, clock, token)


def test_a_revoked_token_never_opens_again(database, clock):
    token = make(database, clock)
    with database.write() as session:
        assert tokens.revoke(session, "noc", clock.now()).revoked_at == clock.now()
    first = clock.now()
    clock.advance(60)
    with database.write() as session:
        assert tokens.revoke(session, "noc", clock.now()).revoked_at == first
    with pytest.raises(NotAuthenticated, match="'noc' was revoked"):
        who(database, clock, token)


@pytest.mark.parametrize(
    ("name", "said"),
    [("", "needs a name"), ("  ", "needs a name"), ("x" * 101, "of 1 to 100"), ("a\nb", "printable"), ("noc", "'noc' exists")],
)
def test_a_name_says_who_uses_the_token_and_is_given_once(database, clock, name, said):
    make(database, clock)
    with pytest.raises(TokenError, match=said):
        make(database, clock, name)


def test_what_is_not_there_cannot_be_revoked(database, clock):
    with database.write() as session, pytest.raises(TokenError, match=r"'gone'.*fabd token list"):
        tokens.revoke(session, "gone", clock.now())


def test_tokens_are_listed_oldest_first(database, clock):
    for name in ("b", "a"):
        make(database, clock, name)
        clock.advance(1)
    with database.read() as session:
        assert [row.name for row in tokens.tokens(session)] == ["b", "a"]


def test_use_is_news_once_a_minute(clock):
    row = TokenRow(last_used_at=None)
    assert tokens.use_is_news(row, clock.now())
    row.last_used_at = clock.now()
    assert not tokens.use_is_news(row, clock.now() + timedelta(seconds=59))
    assert tokens.use_is_news(row, clock.now() + timedelta(seconds=60))


@pytest.mark.parametrize(
    ("role", "reaches"),
    [
        (Role.VIEWER, [Role.VIEWER]),
        (Role.OPERATOR, [Role.VIEWER, Role.OPERATOR]),
        (Role.PROVISIONER, [Role.VIEWER, Role.OPERATOR, Role.PROVISIONER]),
        (Role.ADMIN, list(Role)),
    ],
)
def test_each_role_may_all_that_the_one_before_may(role, reaches):
    assert [needed for needed in Role if role.reaches(needed)] == reaches
