"""Which errors are told in their own words."""

from importlib import import_module

import pytest
from sqlalchemy.exc import OperationalError

from agent.cli.errors import NoToken
from agent.cli.known import DATABASE, KNOWN, is_one_of
from drivers.errors import ElementLocked


@pytest.mark.parametrize("name", sorted(KNOWN | DATABASE))
def test_each_name_is_that_of_an_error(name: str) -> None:
    module, _, kind = name.rpartition(".")
    assert issubclass(getattr(import_module(module), kind), Exception)


def test_errors_are_known_by_their_roots() -> None:
    known = [NoToken.__new__(NoToken), ElementLocked.__new__(ElementLocked)]
    assert [is_one_of(error, KNOWN) for error in (*known, ValueError())] == [True, True, False]
    assert is_one_of(OperationalError("", {}, Exception()), DATABASE)
