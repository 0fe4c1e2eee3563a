"""Test packets over real sockets on loopback."""

import socket
import threading
import time

import pytest

from drivers.probing import prober as module
from drivers.probing.allowance import Allowance
from drivers.probing.clock import ErrorEstimate, ntp_of
from drivers.probing.errors import AddressUnusable, NoProbeSocket, ProberStopped, TooMuch
from drivers.probing.prober import ProbeLimits, Prober
from drivers.probing.reflector import Reflections, Reflector
from drivers.probing.stamp import pack_reflected, unpack_reflected
from drivers.probing.tally import figures
from drivers.probing.target import ProbeTarget, looked_up, target_of
from tests.agent.installation import eventually
from tests.loopback import both_kinds

SOON = ProbeLimits(timeout_s=0.3)
"""For what is not answered."""
PATIENT = ProbeLimits(timeout_s=30.0)
REFUSED = {"Permission denied", "Network is unreachable"}
"""What the kernel says of a broadcast that nobody asked leave for, with a default route and without one."""


@pytest.fixture
def prober():
    made = Prober(PATIENT)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def hasty():
    made = Prober(SOON)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def reflector():
    made = Reflector("127.0.0.1", 0)
    made.start()
    yield made
    made.stop()


class Peer:
    """Hears test packets and answers as `answer` says: the datagrams to send back, or others' sockets to send from."""

    def __init__(self, answer):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.heard = []
        self._answer, self._stopping = answer, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()
        self.socket.close()

    @property
    def target(self):
        return target_of("stamp", *self.socket.getsockname())

    def _run(self):
        while not self._stopping.is_set():
            try:
                data, source = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            self.heard.append(data)
            for each in self._answer(data, source, self.socket):
                self.socket.sendto(each, source)


def once(prober, *targets, packets=5, **more):
    found = prober.measure(targets, packets=packets, interval_s=0.01, deadline=time.monotonic() + 60, **more)
    return [figures(found[target]) for target in targets]


def reflecting():
    reflections = Reflections()
    return lambda data, source: reflections.answer(data, source, time.time_ns())


def test_stamp_is_answered_and_measured(prober, reflector):
    [found] = once(prober, target_of("stamp", *reflector.address))
    assert (found.sent, found.received, found.loss_ratio) == (5, 5, 0.0)
    assert 0 < found.delay_min_s <= found.delay_s <= found.delay_max_s
    assert found.delay_min_s < 1
    assert (found.lost_forward, found.lost_backward) == (0, 0)


def test_sealed_stamp_is_answered_and_another_key_is_not(prober, hasty):
    reflector = Reflector("127.0.0.1", 0, b"sesame")
    reflector.start()
    try:
        [right] = once(prober, target_of("stamp", *reflector.address, b"sesame"))
        [wrong] = once(hasty, target_of("stamp", *reflector.address, b"other"), packets=2)
        eventually(lambda: reflector.reflections.counts["refused"] >= 2)  # it may come to them after nobody waits any more
    finally:
        reflector.stop()
    assert (right.received, wrong.received) == (5, 0)
    assert reflector.reflections.counts == {"reflected": 5, "refused": 2}


@pytest.mark.parametrize("address", both_kinds())
def test_icmp_echo_is_answered_or_says_what_is_missing(prober, address):
    """The kernel answers; whether it lets us ask depends on who runs the tests."""
    target = target_of("echo", address)
    try:
        [found] = once(prober, target)
    except NoProbeSocket as error:
        assert "net.ipv4.ping_group_range" in str(error)  # noqa: PT017  the other of two good outcomes
    else:
        assert found.received == 5


def test_several_targets_are_measured_at_the_same_time(reflector):
    prober = Prober(ProbeLimits(timeout_s=2.0))
    prober.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        try:
            one, none = once(prober, target_of("stamp", *reflector.address), target_of("stamp", *silent.getsockname()))
        finally:
            prober.stop()
    assert (one.received, none.received, none.loss_ratio) == (5, 0, 1.0)


def test_the_time_that_a_reflector_takes_is_not_counted(prober):
    answer, taken_s = reflecting(), 0.5

    def late(data, source, _socket):
        came = ntp_of(time.time_ns())
        threading.Event().wait(taken_s)
        back = unpack_reflected(answer(data, source))
        yield pack_reflected(back._replace(received=came, stamp=ntp_of(time.time_ns())))

    with Peer(late) as peer:
        [found] = once(prober, peer.target, packets=1)  # the next one would wait for this one
    assert found.received == 1
    assert found.delay_s < taken_s


def test_answers_that_come_twice_or_from_elsewhere_are_counted_and_no_more(prober):
    answer = reflecting()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:

        def oddly(data, source, _socket):
            back = answer(data, source)
            stranger.sendto(back, source)
            yield from (back, back, b"nonsense", bytes(44))

        with Peer(oddly) as peer:
            [found] = once(prober, peer.target, packets=3)
            eventually(lambda: prober.strange >= 9)
    assert (found.received, found.duplicates) == (3, found.duplicates)
    assert 2 <= found.duplicates <= 3  # the last one may come after the measurement
    assert prober.strange == 9


def test_answers_after_the_timeout_are_lost_and_called_late(hasty):
    answer, held = reflecting(), []

    def later(data, source, sock):
        held.append((answer(data, source), source, sock))
        if len(held) == 2:
            threading.Event().wait(2 * SOON.timeout_s)
            yield from (each for each, _, _ in held)

    with Peer(later) as peer:
        [found] = once(hasty, peer.target, packets=2)
    assert (found.received, found.loss_ratio) == (0, 1.0)


def test_answers_out_of_order_are_told(prober):
    answer, held = reflecting(), []

    def backwards(data, source, _socket):
        held.append(answer(data, source))
        if len(held) == 3:
            yield from reversed(held)

    with Peer(backwards) as peer:
        [found] = once(prober, peer.target, packets=3)
    assert (found.received, found.reordered) == (3, 2)


def test_one_way_delays_need_two_clocks_that_follow_another(monkeypatch, reflector):
    monkeypatch.setattr(module, "own_estimate", lambda: ErrorEstimate(True, 1e-6))
    reflector.reflections._error = ErrorEstimate(True, 1e-6).pack()
    prober = Prober(PATIENT)
    prober.start()
    try:
        [found] = once(prober, target_of("stamp", *reflector.address))
    finally:
        prober.stop()
    assert found.forward_s + found.backward_s == pytest.approx(found.delay_s, rel=0.01)


def test_what_could_not_leave_this_machine_is_no_loss_of_the_other(prober):
    broadcast = ProbeTarget("stamp", "255.255.255.255", 9)  # which the kernel lets nobody send to who has not asked for it
    (found,) = once(prober, broadcast)
    assert (found.sent, found.loss_ratio) == (0, None)
    assert found.problem in REFUSED
    assert prober.packets == 0


def test_what_could_not_leave_for_a_whole_minute_is_told_as_not_measured():
    broadcast = ProbeTarget("stamp", "255.255.255.255", 9)
    prober = Prober(SOON, span_s=1)
    prober.start()
    try:
        prober.watch({broadcast: 0.1})
        tally = eventually(prober.minutes)[0].tallies[broadcast]
    finally:
        prober.stop()
    assert tally.sent == 0
    assert tally.problem in REFUSED


def test_an_address_of_ipv4_within_ipv6_is_one_of_ipv4(prober, reflector):
    target = target_of("stamp", "::ffff:127.0.0.1", reflector.address[1])
    assert target == target_of("stamp", *reflector.address)
    assert once(prober, target)[0].loss_ratio == 0


def test_what_is_watched_is_told_minute_by_minute_and_stops_when_it_is_not_wanted(reflector):
    target = target_of("stamp", *reflector.address)
    prober = Prober(SOON, span_s=1)
    prober.start()
    try:
        assert prober.watch({target: 0.05}) == {}

        def whole(tally):
            return 3 <= tally.sent == len(tally.delays)  # of a minute in which this machine stood still, some are lost

        found = eventually(lambda: [each for each in prober.minutes() if whole(each.tallies[target])])
        assert prober.watch({}) == {}
        assert prober.sessions == 0
        eventually(lambda: not prober._due)  # nothing is to be sent any more
    finally:
        prober.stop()
    assert found[0].expected[target] == 20


def test_more_than_may_be_sent_is_refused_whole(prober, reflector):
    target = target_of("stamp", *reflector.address)
    with pytest.raises(TooMuch, match=r"3000 packets per second .* are more than 1800, 90% of the 2000"):
        prober.watch({ProbeTarget("stamp", f"127.0.0.{low}", 1): 0.001 for low in range(1, 4)})
    assert prober.sessions == 0
    with pytest.raises(TooMuch):
        prober.measure([target], packets=2, interval_s=0.0001, deadline=time.monotonic() + 1)


def test_no_more_packets_leave_than_may_per_second(reflector):
    prober = Prober(ProbeLimits(packets_per_second=50, timeout_s=0.3))
    prober.start()
    try:
        targets = [target_of("stamp", f"127.0.0.{low}", reflector.address[1]) for low in range(2, 32)]
        began = time.monotonic()
        prober.measure(targets, packets=2, interval_s=0.7, deadline=began + 60)
        took = time.monotonic() - began
    finally:
        prober.stop()
    assert prober.packets == 60
    assert took >= (60 - 3) / 50 * 0.9


def test_probers_that_share_an_allowance_send_no_more_together(reflector):
    shared = Allowance(50)
    probers = [Prober(SOON, shared) for _ in range(2)]
    targets = [target_of("stamp", f"127.0.0.{low}", reflector.address[1]) for low in range(2, 17)]
    began = time.monotonic()
    for prober in probers:
        prober.start()
        prober.watch(dict.fromkeys(targets, 0.7))  # 21 a second each
    try:
        eventually(lambda: sum(prober.packets for prober in probers) >= 60)
        took = time.monotonic() - began
    finally:
        for prober in probers:
            prober.stop()
    assert took >= (60 - 3) / 50 * 0.9


def test_a_thread_that_ended_by_itself_says_why_and_keeps_nobody_waiting(prober, reflector, monkeypatch):
    def fail(*_):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(prober, "_send_due", fail)
    began = time.monotonic()
    with pytest.raises(ProberStopped, match="no such luck"):
        prober.measure([target_of("stamp", *reflector.address)], packets=2, interval_s=0.1, deadline=began + 60)
    assert time.monotonic() - began < 30
    assert isinstance(prober.failure, RuntimeError)


def test_one_reflector_is_measured_with_several_keys_at_the_same_time(prober):
    """As two services do that share it: each answer is read by the key of what it answers."""
    sealed = {key: Reflections(key) for key in (b"sesame", b"other")}

    def either(data, source, _socket):
        for reflections in sealed.values():
            if (answer := reflections.answer(data, source, time.time_ns())) is not None:
                yield answer

    with Peer(either) as peer:
        host, port = peer.socket.getsockname()
        found = once(prober, *(target_of("stamp", host, port, key) for key in sealed))
    assert [each.received for each in found] == [5, 5]
    assert prober.strange == 0


def test_a_prober_without_targets_has_no_socket(prober):
    assert not prober._channels


@pytest.mark.parametrize("address", ["224.0.0.1", "ff02::1", "0.0.0.0", "::", "255.255.255.255", "host", "", "10.0.0.0/31"])
def test_what_is_no_address_of_one_interface_is_refused(address):
    with pytest.raises(AddressUnusable):
        target_of("echo", address)


def test_a_port_must_be_one_and_a_name_is_looked_up():
    with pytest.raises(AddressUnusable, match="no UDP port"):
        target_of("stamp", "127.0.0.1", 0)
    assert looked_up("127.0.0.9") == "127.0.0.9"
    assert str(target_of("stamp", "::1", 862)) == "stamp [::1]:862"


def test_a_reflector_says_why_it_cannot_listen(reflector):
    with pytest.raises(AddressUnusable, match="take another port"):
        Reflector(*reflector.address)


def test_keys_are_never_shown():
    assert "sesame" not in repr(target_of("stamp", "127.0.0.1", 862, b"sesame"))
