"""Who sends how much, in bounded memory."""

from drivers.events import senders
from drivers.events.senders import ANYBODY, Senders


def test_a_source_may_burst_and_then_keeps_to_its_rate() -> None:
    known = Senders(per_s=2, burst=10)
    assert sum(known.allows("a", 0.0) for _ in range(20)) == 10
    assert sum(known.allows("a", 3.0) for _ in range(20)) == 6
    assert known.allows("b", 3.0)


def test_addresses_that_strangers_make_up_take_bounded_room() -> None:
    known = Senders(1, 1)
    for number in range(senders.MOST_SOURCES + 50):
        known.allows(str(number), 0.0)
        known.lose(str(number))
        known.refuse(str(number), "unknown community")
    lost, refused = known.take_lost(), known.take_refused()
    assert len(lost) == len(refused) == senders.MOST_SOURCES + 1
    assert lost[ANYBODY] == refused[ANYBODY, "unknown community"] == 50
    assert sum(lost.values()) == senders.MOST_SOURCES + 50
