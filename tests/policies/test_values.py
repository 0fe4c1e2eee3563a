"""Identifiers: one of a kind, in the order of their making, and the same again where they are derived."""

import os
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection

from policies.values import derived_id, new_id

AT = datetime(2026, 3, 1, tzinfo=UTC)
DEADLINE = 60
DIGITS = frozenset("0123456789abcdefghjkmnpqrstvwxyz")


def test_no_two_ids_of_one_moment_are_the_same() -> None:
    made = {new_id("ord", AT) for _ in range(10_000)}
    assert len(made) == 10_000


def test_an_id_is_its_prefix_and_twenty_characters_that_cannot_be_misread() -> None:
    prefix, _, rest = new_id("ord", AT).partition("-")
    assert prefix == "ord"
    assert len(rest) == 20
    assert set(rest) <= DIGITS


def test_ids_sort_by_the_time_of_their_making() -> None:
    made = [new_id("ord", AT + timedelta(milliseconds=number)) for number in range(100)]
    assert made == sorted(made)


def test_every_character_of_the_random_half_varies() -> None:
    places = zip(*(new_id("ord", AT)[-10:] for _ in range(2_000)), strict=True)
    assert all(set(place) == DIGITS for place in places)


def test_a_process_that_begins_as_a_copy_makes_ids_of_its_own() -> None:
    new_id("ord", AT)  # some are drawn ahead
    own, other = get_context("fork").Pipe()
    child = get_context("fork").Process(target=_tell, args=(other,))
    child.start()
    assert own.poll(DEADLINE), "it says nothing"
    theirs = set(own.recv())
    child.join(DEADLINE)
    assert child.exitcode == os.EX_OK
    assert theirs.isdisjoint(new_id("ord", AT) for _ in range(100))


def test_the_same_parts_give_the_same_derived_id() -> None:
    assert derived_id("use", "a", 1) == derived_id("use", "a", 1)
    assert derived_id("use", "a", 1) != derived_id("use", "a", 2)


def _tell(to: Connection) -> None:
    to.send([new_id("ord", AT) for _ in range(100)])
