"""What is sent of the columns of ports: each reading once, and the end of each series."""

import math

from agent.assurance.collection.tracks import Tracks
from agent.prometheus.remote import gathering
from agent.prometheus.remote.gathering import Gathering
from tests.agent.assurance.collection.test_tracks import cycle
from tests.agent.prometheus.remote.protobuf import write_request

ALL = {"pe1/a": 10, "pe1/b": 20, "pe2/a": 30}
RECEIVED, READ = "fabd_port_receive_octets_total", "fabd_port_last_poll_timestamp_seconds"
PLENTY = 10**6
METRICS = 4
"""Of a port in `cycle`: octets received and sent, its status, and when it was read."""


class Receiver:
    def __init__(self, lifetime: float = 1000.0) -> None:
        self.tracks, self.gathering = Tracks(), Gathering({"job": "j", "instance": "i"})
        self._lifetime = lifetime

    def poll(self, at: float, octets: dict[str, int], names=None) -> None:
        self.tracks.take(cycle(at, octets, names))

    def take(self, now: float = 0.0, room: int = PLENTY) -> list:
        """(labels, value, milliseconds), in the order of their coming."""
        batches = list(self.gathering.gather(self.tracks.shown, room, now, self._lifetime))
        series = [series for batch in batches for series in write_request(batch.body)]
        assert sum(batch.samples for batch in batches) == len(series)
        return [(labels, value, at) for labels, samples in series for value, at in samples]

    def values(self, metric: str = RECEIVED, **more) -> dict:
        found = [each for each in self.take(**more) if each[0]["__name__"] == metric]
        return {f"{labels['element']}/{labels['port']}": (value, at) for labels, value, at in found}


def ends(samples) -> set:
    return {(labels["__name__"], labels["element"], labels["port"]) for labels, value, _ in samples if math.isnan(value)}


def test_a_reading_is_sent_once_with_the_time_of_its_reading():
    receiver = Receiver()
    receiver.poll(60.0, ALL)
    assert receiver.values() == {"pe1/a": (10, 60_000), "pe1/b": (20, 60_000), "pe2/a": (30, 60_000)}
    assert receiver.take() == []
    receiver.poll(120.25, {"pe2/a": 31}, {"pe2": ("a",)})
    assert receiver.values() == {"pe2/a": (31, 120_250)}


def test_nothing_is_sent_before_anything_was_polled():
    assert Receiver().take() == []


def test_a_series_has_the_labels_of_its_port_and_the_common_ones():
    receiver = Receiver()
    receiver.poll(60.0, ALL)
    receiver.tracks.serve({("pe1", "a"): "svc-1"})
    labels = [labels for labels, _, _ in receiver.take() if labels["__name__"] == RECEIVED]
    assert labels[0] == {"__name__": RECEIVED, "element": "pe1", "instance": "i", "job": "j", "port": "a", "service_id": "svc-1"}
    assert "service_id" not in labels[1]


def test_what_is_not_there_is_not_sent():
    receiver = Receiver()
    receiver.poll(60.0, {"pe1/a": 10})
    found = receiver.take()
    assert len(found) == METRICS
    assert {labels["__name__"] for labels, _, _ in found}.isdisjoint({"fabd_port_receive_errors_total"})


def test_series_of_ports_that_fall_silent_are_ended_once_and_begin_again():
    receiver = Receiver(lifetime=100.0)
    receiver.poll(60.0, ALL)
    receiver.take(now=60.0)
    receiver.poll(120.0, {"pe1/a": 11, "pe1/b": 21}, {"pe1": ("a", "b")})
    receiver.take(now=120.0)
    ended = receiver.take(now=161.0)
    assert {place[1:] for place in ends(ended)} == {("pe2", "a")}
    assert (len(ended), {at for _, _, at in ended}) == (METRICS, {161_000})
    assert receiver.take(now=162.0) == []
    receiver.poll(180.0, {"pe2/a": 40}, {"pe2": ("a",)})
    assert receiver.values(now=180.0) == {"pe2/a": (40, 180_000)}


def test_series_of_ports_that_are_gone_are_ended_and_others_are_not_sent_twice():
    receiver = Receiver()
    receiver.poll(60.0, ALL)
    receiver.take(now=60.0)
    receiver.tracks.keep({"pe1": {"a"}})
    assert {place[1:] for place in ends(receiver.take(now=70.0))} == {("pe1", "b"), ("pe2", "a")}
    receiver.poll(120.0, {"pe1/a": 11}, {"pe1": ("a",)})
    assert receiver.values(now=120.0) == {"pe1/a": (11, 120_000)}


def test_a_port_that_becomes_a_services_ends_as_it_was_and_begins_anew():
    receiver = Receiver()
    receiver.poll(60.0, ALL)
    receiver.take(now=60.0)
    receiver.tracks.serve({("pe2", "a"): "svc-1"})
    found = receiver.take(now=70.0)
    assert len(ends(found)) == METRICS
    again = [(labels.get("service_id"), value) for labels, value, _ in found if labels["__name__"] == RECEIVED and value == 30]
    assert again == [("svc-1", 30)]


def test_without_room_readings_wait_and_are_counted_when_others_overtake_them():
    receiver = Receiver()
    receiver.poll(60.0, ALL)
    per_port = len(list(receiver.tracks.shown.series(receiver.tracks.shown.seen > 0)))
    assert set(receiver.values(room=per_port)) == {"pe1/a"}
    assert set(receiver.values(room=2 * per_port)) == {"pe1/b", "pe2/a"}
    assert receiver.gathering.overtaken == 0
    receiver.poll(120.0, ALL)
    assert receiver.take(room=0) == []
    receiver.poll(180.0, ALL)
    assert receiver.values() == {"pe1/a": (10, 180_000), "pe1/b": (20, 180_000), "pe2/a": (30, 180_000)}
    assert receiver.gathering.overtaken == 3 * per_port


def test_many_ports_go_in_several_requests(monkeypatch):
    monkeypatch.setattr(gathering, "AT_ONCE", 16)
    receiver = Receiver()
    receiver.poll(60.0, ALL)
    batches = list(receiver.gathering.gather(receiver.tracks.shown, PLENTY, 60.0, 1000.0))
    assert [batch.samples for batch in batches] == [2 * METRICS, METRICS]
