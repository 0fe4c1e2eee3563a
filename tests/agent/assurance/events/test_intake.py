"""Many events as few pieces of evidence, with every one of them counted."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.assurance.events import intake
from agent.assurance.events.intake import NO_RULE, NOT_UNDERSTOOD, OF_NO_CONCERN, TOO_FEW, TOO_MANY_OBJECTS, Intake
from agent.assurance.events.translation import Event, Translation
from agent.catalog import load_translations
from drivers.events.syslog import SyslogLine
from drivers.snmp import oids
from drivers.snmp.traps import Trap
from policies.translating import LONGEST_LINE, Said, Translations, parse_translation
from tests.clock import EPOCH

SHIPPED = Translation(load_translations())
OSPF_ON_ITS_WAY = ((f"1.3.6.1.2.1.14.10.1.6.{'10.0.0.1.0'}", 6),)


def trap(oid: str = oids.LINK_DOWN, index: int = 1, source: str = "192.0.2.1", varbinds: Sequence[tuple[str, int]] = ()) -> Trap:
    return Trap(EPOCH, source, "v2c", oid, 0, tuple(varbinds) or ((f"{oids.IF_INDEX}.{index}", index),))


def rules(text: str) -> Translation:
    return Translation(Translations([parse_translation(text, "own.yaml")]))


def test_what_is_said_of_one_object_again_and_again_is_one_piece() -> None:
    taken = Intake(SHIPPED)
    taken.take([trap()] * 500 + [trap(index=2)] * 3 + [trap(oids.LINK_UP)] * 2 + [trap(source="192.0.2.2")], 0.0)
    pieces = taken.hand_over()
    assert [piece.times for piece in pieces] == [500, 3, 2, 1]
    assert taken.hand_over() == []


def test_what_no_rule_knows_and_what_is_of_no_concern_is_counted_apart() -> None:
    taken = Intake(SHIPPED)
    taken.take([trap("1.3.6.1.4.1.99.1"), trap("1.3.6.1.2.1.14.16.2.2", varbinds=OSPF_ON_ITS_WAY)], 0.0)
    assert taken.dropped == {NO_RULE: 1, OF_NO_CONCERN: 1}
    assert taken.hand_over() == []


def test_room_is_bounded_and_whose_events_found_none_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_PIECES", 2)
    taken = Intake(SHIPPED)
    taken.take([trap(index=number, source=f"192.0.2.{number}") for number in (1, 2, 3, 3, 1)], 0.0)
    assert [piece.times for piece in taken.hand_over()] == [2, 1]
    assert taken.dropped == {TOO_MANY_OBJECTS: 2}
    assert taken.take_lost() == {"192.0.2.3": 2}


def test_an_event_that_makes_trouble_is_counted_and_the_others_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, understood = Intake(SHIPPED), Translation.said

    def stumbles(self: Translation, event: Event) -> Said | None:
        if event.source == "192.0.2.9":
            raise ValueError("odd")
        return understood(self, event)

    monkeypatch.setattr(Translation, "said", stumbles)
    taken.take([trap(index=1), trap(source="192.0.2.9"), trap(index=2)], 0.0)
    assert [piece.event.varbinds for piece in taken.hand_over()] == [trap(index=1).varbinds, trap(index=2).varbinds]
    assert (taken.dropped, taken.take_lost()) == ({NOT_UNDERSTOOD: 1}, {"192.0.2.9": 1})
    assert repr(taken.stumbled) == "ValueError('odd')"


LEAST = """
name: own
rules:
  - name: denied
    trap: [1.3.6.1.6.3.1.1.5.5]
    means: look
    at_least: 3
    at_most: 5
    window_s: 60
    samples: [{trap: 1.3.6.1.6.3.1.1.5.5}]
"""


def test_a_rule_may_ask_for_a_least_and_a_most_number_within_a_window() -> None:
    taken, denied = Intake(rules(LEAST)), trap("1.3.6.1.6.3.1.1.5.5")
    taken.take([denied] * 2, 0.0)
    assert (taken.hand_over(), taken.waiting) == ([], 2)
    taken.take([denied], 59.0)
    assert [piece.times for piece in taken.hand_over()] == [3]
    taken.take([denied] * 10, 59.5)
    assert ([piece.times for piece in taken.hand_over()], taken.repeated) == ([2], 8)


def test_too_few_within_a_window_come_to_nothing_and_are_counted() -> None:
    taken, denied = Intake(rules(LEAST)), trap("1.3.6.1.6.3.1.1.5.5")
    taken.take([denied] * 2, 0.0)
    taken.take([denied], 60.0)
    assert (taken.dropped, taken.waiting) == ({TOO_FEW: 2}, 1)


KINDS = st.sampled_from([oids.LINK_DOWN, oids.LINK_UP, oids.COLD_START, "1.3.6.1.6.3.1.1.5.5", "1.3.6.1.4.1.99.1"])


@given(st.lists(st.tuples(KINDS, st.integers(1, 4), st.integers(1, 3), st.floats(0, 40)), max_size=60), st.integers(1, 3))
def test_every_event_is_accounted_for(said: list[tuple[str, int, int, float]], most: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(intake, "MOST_PIECES", most)
        taken, now, handed = Intake(SHIPPED), 0.0, 0
        for oid, index, source, pause in said:
            now += pause
            taken.take([trap(oid, index, f"192.0.2.{source}")], now)
            if pause > 30:
                handed += sum(piece.times for piece in taken.hand_over())
        assert handed + taken.waiting + taken.repeated + taken.dropped.total() == len(said)


def test_of_a_long_line_only_what_is_looked_at_is_kept() -> None:
    taken = Intake(SHIPPED)
    line = SyslogLine(EPOCH, "192.0.2.1", 1, 5, "", "kernel", "eth0: Link is Down" + "." * 60_000)
    taken.take([line], 0.0)
    (piece,) = taken.hand_over()
    assert [len(event.text) for event in (*taken.recent, piece.event) if isinstance(event, SyslogLine)] == [LONGEST_LINE] * 2
