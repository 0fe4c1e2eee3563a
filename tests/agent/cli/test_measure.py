"""Loss, delay and jitter, as typed."""

import json

import pytest

from agent.cli import measure
from drivers.probing.reflector import Reflector
from tests.agent.cli.daemon import Reply, Stub


@pytest.fixture
def reflector():
    made = Reflector("127.0.0.1", 0)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def place(reflector):
    return "{}:{}".format(*reflector.address)


def test_an_address_is_measured_without_a_daemon(fabd, place):
    told = fabd.ok("measure", place, "--stamp", "-c", "3", "-i", "0.01").out
    assert told.startswith(f"stamp {place}\n")
    assert "3 sent, 3 came back, 0.0% lost" in told
    assert "percentiles  p50" in told


def test_options_may_come_first_and_json_has_all_figures(fabd, place):
    found = fabd.ok("measure", "--stamp", "--json", "-c", "4", "-i", "0.01", place).json
    assert (found["sent"], found["received"], found["loss_ratio"]) == (4, 4, 0.0)
    assert found["delay_p99_s"] > 0
    assert found["forward_s"] is None or found["forward_s"] >= 0


def test_who_gets_no_answer_is_told_where_to_look(fabd, folder, place):
    (folder / "key").write_text("sesame\n")
    said = fabd("measure", place, "--stamp", "--key-file", "key", "-c", "2", "-i", "0.01")
    assert said.code == 1
    assert "is there a reflector, at this port and with this key?" in said.err


def test_a_key_has_to_be_the_reflectors(fabd, folder):
    (folder / "key").write_text("sesame\n")
    sealed = Reflector("127.0.0.1", 0, b"sesame")
    sealed.start()
    try:
        where = "{}:{}".format(*sealed.address)
        assert "3 came back" in fabd.ok("measure", where, "--stamp", "--key-file", "key", "-c", "3", "-i", "0.01").out
    finally:
        sealed.stop()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("127.0.0.1:99",), "ICMP echo has neither port nor key; add --stamp"),
        (("127.0.0.1:no", "--stamp"), "is no port; write it as 192.0.2.1:862"),
        (("224.0.0.1",), "no address of one interface"),
        (("127.0.0.1", "--stamp", "--key-file", "none"), "none: cannot be read"),
        (("reflect", "--listen", "127.0.0.1"), "has no port"),
    ],
)
def test_mistakes_are_told_with_the_remedy(fabd, words, complaint):
    said = fabd("measure", *words)
    assert said.code == 1
    assert complaint in said.complaint


def test_a_port_that_is_taken_is_told(fabd, place):
    assert "take another port" in fabd("measure", "reflect", "--listen", place).complaint


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("192.0.2.1", ("192.0.2.1", None)),
        ("192.0.2.1:7", ("192.0.2.1", 7)),
        ("2001:db8::1", ("2001:db8::1", None)),
        ("[2001:db8::1]", ("2001:db8::1", None)),
        ("[2001:db8::1]:7", ("2001:db8::1", 7)),
        ("router.example:7", ("router.example", 7)),
    ],
)
def test_places_are_written_as_usual(text, split):
    assert measure._split(text, None) == split


def test_a_service_is_tested_by_the_daemon(fabd, monkeypatch):
    figures = {"loss_ratio": 0.25, "delay_s": 0.0123, "delay_p95_s": 0.02, "delay_p99_s": 0.03, "jitter_s": 0.001}
    result = {"kind": "stamp", "address": "192.0.2.1", "port": 862, "site": "", "number": 0, "figures": figures}
    test = {
        "service_id": "svc-1", "passed": False, "ended_at": "2026-01-05T09:00:00Z", "is_baseline": False,
        "results": [result | {"faults": ["1 of 4 packets were lost"]}],
        "baseline": {"results": [result | {"figures": figures | {"delay_s": 0.01}}]},
    }  # fmt: skip
    with Stub(lambda _: Reply(201, test)) as daemon:
        monkeypatch.setenv("FABD_URL", daemon.url)
        monkeypatch.setenv("FABD_TOKEN", "fabd_x")
        said = fabd("measure", "svc-1", "--count", "4", "--baseline")
    assert said.code == 1
    [call] = daemon.calls
    assert (call.method, call.path) == ("POST", "/api/v1/services/svc-1/tests")
    assert json.loads(call.body) == {"packets": 4, "baseline": True}
    for words in ("svc-1 failed", "stamp 192.0.2.1:862", "25.0%", "12.3 ms", "10 ms", "1 of 4 packets were lost"):
        assert words in said.out


@pytest.mark.usefixtures("served")
def test_a_service_that_is_not_there_is_told(fabd):
    assert "svc-1" in fabd("measure", "list", "svc-1").complaint
    assert "there is no service 'svc-1'" in fabd("measure", "svc-1").complaint
