"""What is kept of all ports from cycle to cycle, whichever elements a round asks; thresholds; what Prometheus is shown."""

import pytest

from agent.assurance.collection.thresholds import Threshold
from agent.assurance.collection.tracks import Rule, Tracks, found_of, gaps, rules_of
from agent.assurance.findings import Source
from agent.config import PollingSettings
from drivers.port import Credential, Target
from drivers.snmp.batch import BatchBuilder, PollBatch, PollJob, PortRef, PortSample
from drivers.snmp.columns import Column

BUSY = (Rule("utilisation", Threshold(0.9, 0.5, raise_after=2, clear_after=1)),)
NAMES = {"pe1": ("a", "b"), "pe2": ("a",)}


def cycle(at: float, octets: dict[str, int], names: dict[str, tuple[str, ...]] | None = None, **more: int) -> PollBatch:
    """`octets`: element/port → ifHCInOctets of those that answer."""
    asked = NAMES if names is None else names
    jobs = [
        PollJob(Target(element, "any", "snmp", "h", 1, Credential("c")), tuple(PortRef(ord(name), name) for name in ports))
        for element, ports in asked.items()
    ]
    builder = BatchBuilder(jobs)
    for row, (element, ports) in enumerate(asked.items()):
        for position, name in enumerate(ports):
            if (value := octets.get(f"{element}/{name}")) is None:
                continue
            values = {Column.IN_OCTETS: value, Column.OUT_OCTETS: 0, Column.OPER_STATUS: 1, Column.HIGH_SPEED: more.get("speed", 1)}
            builder.port(row, position, PortSample(ord(name), name, at, at, int(at * 100), values))
    return builder.build()


def lines(tracks: Tracks, since: float = 0.0, of: str = "fabd_port_receive_octets_total") -> list[str]:
    return [line for line in "".join(tracks.lines(since)).splitlines() if line.startswith(f"{of}{{")]


def test_series_carry_the_service_of_the_port_and_exact_numbers() -> None:
    tracks = Tracks()
    tracks.take(cycle(60.0, {"pe1/a": 2**64 - 1, "pe1/b": 2**53 + 1, "pe2/a": 0}))
    tracks.serve({("pe1", "b"): 'svc-"1"'})
    assert lines(tracks) == [
        f'fabd_port_receive_octets_total{{element="pe1",port="a"}} {2**64 - 1}',
        f'fabd_port_receive_octets_total{{element="pe1",port="b",service_id="svc-\\"1\\""}} {2**53 + 1}',
        'fabd_port_receive_octets_total{element="pe2",port="a"} 0',
    ]
    tracks.serve({})
    assert not any("service_id" in line for line in lines(tracks))
    assert lines(tracks, of="fabd_port_receive_errors_total") == []
    text = "".join(tracks.lines(0.0))
    assert "(cached: as last polled)" in text
    assert lines(tracks, of="fabd_port_last_poll_timestamp_seconds")[0].endswith(" 60.0")


def test_what_was_read_too_long_ago_is_not_shown() -> None:
    tracks = Tracks()
    tracks.take(cycle(60.0, {"pe1/a": 1, "pe1/b": 2, "pe2/a": 3}))
    tracks.take(cycle(120.0, {"pe2/a": 4}, {"pe2": ("a",)}))
    assert lines(tracks, since=100.0) == ['fabd_port_receive_octets_total{element="pe2",port="a"} 4']


def test_a_round_over_some_ports_or_in_another_order_follows_each_of_them() -> None:
    tracks = Tracks(BUSY)
    second = 125_000
    tracks.take(cycle(0.0, {"pe1/a": 0, "pe1/b": 0, "pe2/a": 0}))
    assert tracks.take(cycle(60.0, {"pe2/a": 60 * second}, {"pe2": ("a",)})) == []
    (found,) = tracks.take(cycle(120.0, {"pe2/a": 120 * second, "pe1/b": 10, "pe1/a": 5}, {"pe2": ("a",), "pe1": ("b", "a")}))
    assert (found.element, found.port, found.direction, found.value, found.raised) == ("pe2", "a", "receive", 1.0, True)
    assert (found.before, found.wall) == (60.0, 120.0)
    (over,) = tracks.take(cycle(180.0, {"pe2/a": 121 * second}, {"pe2": ("a",)}))
    assert (over.raised, over.value < 0.1) == (False, True)


def test_ports_come_and_go_and_the_others_go_on() -> None:
    tracks = Tracks(BUSY)
    tracks.take(cycle(0.0, {"pe1/a": 0, "pe1/b": 0, "pe2/a": 0}))
    tracks.keep({"pe1": {"b"}, "pe2": {"a"}})
    assert len(tracks) == 2
    tracks.take(cycle(60.0, {"pe1/b": 6, "pe1/c": 1}, {"pe1": ("b", "c")}))
    assert len(tracks) == 3
    assert tracks.outcomes["first"] == 2 * (3 + 1)
    assert gaps(tracks.outcomes) == {}
    assert lines(tracks, since=50.0) == [
        'fabd_port_receive_octets_total{element="pe1",port="b"} 6',
        'fabd_port_receive_octets_total{element="pe1",port="c"} 1',
    ]


def test_gaps_are_counted_by_reason() -> None:
    tracks = Tracks()
    tracks.take(cycle(60.0, {"pe1/a": 1000, "pe1/b": 1, "pe2/a": 1}))
    tracks.take(cycle(120.0, {"pe1/a": 999, "pe1/b": 10**12, "pe2/a": 1}))
    assert gaps(tracks.outcomes) == {"reset": 1, "implausible": 1}


def test_a_reading_that_comes_after_a_later_one_breaks_no_series_and_is_not_shown() -> None:
    tracks = Tracks()
    tracks.take(cycle(60.0, {"pe1/a": 1, "pe1/b": 1, "pe2/a": 1}))
    tracks.take(cycle(122.0, {"pe1/a": 9}, {"pe1": ("a",)}))
    tracks.take(cycle(120.0, {"pe1/a": 8, "pe1/b": 8, "pe2/a": 8}))
    assert gaps(tracks.outcomes) == {}
    assert [line.rpartition(" ")[2] for line in lines(tracks)] == ["9", "8", "8"]


def test_a_port_that_tells_no_speed_is_measured_by_what_was_contracted() -> None:
    tracks = Tracks(BUSY)
    for second, octets in ((0.0, 0), (60.0, 60 * 125_000), (120.0, 120 * 125_000)):
        found = tracks.take(cycle(second, {"pe1/a": octets}, speed=0), {0: 1_000_000})
    assert [(crossing.port, crossing.value) for crossing in found] == [("a", 1.0)]


def test_a_crossing_is_a_warning_about_the_port_in_words() -> None:
    tracks = Tracks(BUSY)
    for second in (0.0, 60.0, 120.0):
        found = tracks.take(cycle(second, {"pe1/a": int(second * 125_000)}))
    finding = found_of(found[0], Source.POLL, "pll-1")
    assert finding.meaning is not None
    assert (finding.kind, finding.element, finding.object) == ("utilisationHigh", "pe1", "a")
    assert (finding.meaning.cause, finding.meaning.qualifier, finding.meaning.severity) == ("utilisationHigh", "receive", "warning")
    assert finding.detail["text"] == "pe1/a receives 100.0% of its speed."
    assert (finding.transition.earliest.timestamp(), finding.transition.instant.timestamp()) == (60.0, 120.0)


def test_thresholds_that_were_not_heard_are_told_again() -> None:
    tracks = Tracks(BUSY)
    heard = []
    for number in range(5):
        heard.append(len(tracks.take(cycle(number * 60.0, {"pe1/a": number * 60 * 125_000}))))
        if number == 2:
            tracks.forget_crossings()
    assert heard == [0, 0, 1, 0, 1]


def test_a_warning_of_an_earlier_process_ends_when_the_port_is_well() -> None:
    tracks = Tracks(BUSY)
    tracks.recall([("pe1", "a", "utilisationHigh", "receive"), ("gone", "x", "utilisationHigh", "receive")])
    crossings = [crossing for at in range(5) for crossing in tracks.take(cycle(at * 60.0, {"pe1/a": 7}))]
    assert [(crossing.port, crossing.direction, crossing.raised) for crossing in crossings] == [("a", "receive", False)]


def test_series_that_are_being_read_keep_their_ports_when_others_come_and_go() -> None:
    tracks = Tracks()
    tracks.take(cycle(60.0, {"pe1/a": 1, "pe1/b": 2}))
    series = tracks.lines(0.0)
    begun = next(series)
    tracks.keep({"pe1": {"b"}})
    assert begun.startswith("# HELP")
    assert 'port="b"} 2' in next(series)


def test_rules_come_from_the_settings_and_0_is_none() -> None:
    assert [rule.measure for rule in rules_of(PollingSettings(errors_raise=5, errors_clear=1))] == ["utilisation", "errors"]
    assert rules_of(PollingSettings(utilisation_raise=0, errors_raise=0)) == ()
    with pytest.raises(ValueError, match="clear where it begins"):
        PollingSettings(utilisation_raise=0.5, utilisation_clear=0.9)
