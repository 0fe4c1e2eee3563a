"""What is measured of services, and what it says: targets, minutes, tests and baselines."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from agent.assurance.levels.measuring import readings_of, series_of
from agent.measurement.acceptance import Acceptor
from agent.measurement.aims import Aims
from agent.measurement.checks import acceptance_checks, check_of, probe_of
from agent.measurement.errors import NothingToMeasure, TargetUnusable, TooManyTests
from agent.measurement.minutes import ServiceMinute, ServiceWatch, merged, told
from agent.measurement.outcome import Occasion, Result, judged, worst
from agent.measurement.store import baseline, forget, take_as_baselines
from agent.measurement.tables import MeasurementRow
from agent.measurement.testing import ServiceTests, TestLimits
from agent.setbacks import WELL_AFTER_S
from drivers.port import CheckOutcome, Credential
from drivers.probing.allowance import Allowance
from drivers.probing.prober import Minute, ProbeLimits, Prober
from drivers.probing.reflector import Reflector
from drivers.probing.tally import Figures, Tally, figures
from drivers.probing.target import target_of
from inventory.errors import UnknownObject
from inventory.services import NewService, change_service, create_service, service_row
from policies.catalog import Catalog
from policies.errors import RenderingFailed
from policies.probes import Probe
from policies.rendering import ServiceFacts
from policies.specification import Acceptance, Specification
from tests.agent.installation import eventually

START = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)
SOON = ProbeLimits(timeout_s=0.2)
"""For what is not answered."""
PATIENT = ProbeLimits(timeout_s=30.0)


def specification(*monitors, name="line"):
    characteristics = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"port": {"type": "string"}, "address": {"type": "string"}, "udp": {"type": "integer"}},
    }
    return Specification(
        name=name, version="1", title=name, service_name="{{ characteristics.address }}", characteristics=characteristics,
        layout="overlay", monitors=monitors,
    )  # fmt: skip


STAMP = {"kind": "stamp", "target": "{{ characteristics.address }}", "port": "{{ characteristics.udp }}"}


def catalog(**more):
    return Catalog.of([specification({**STAMP, **more})])


def resolve(reference):
    if reference != "stamp-key":
        raise LookupError(f"no credential {reference}")
    return Credential(reference, password="sesame")


@pytest.fixture
def reflector():
    made = Reflector("127.0.0.1", 0)
    made.start()
    yield made
    made.stop()


def service(database, clock, address="127.0.0.1", port=1, state="active", **more):
    wanted = {"address": address, "udp": port, **more}
    with database.write() as session:
        row = create_service(session, NewService(address, "line", "1", "1000001", wanted), clock.now())
        row.state = state
        session.flush()
        return row.id


def desk(database, clock, book, probe=PATIENT, **limits):
    return ServiceTests(database, clock, Aims(book, resolve), TestLimits(probe, **limits))


# -- on demand and before delivery -------------------------------------------------------------------------------------


def test_a_test_is_kept_and_compared_with_the_latest_baseline(database, clock, reflector):
    tests, made = desk(database, clock, catalog()), service(database, clock, port=reflector.address[1])
    first = tests.test(made, by="ada", packets=3, as_baseline=True)
    clock.advance(1)
    second = tests.test(made, by="bob", packets=4)
    assert (first.passed, first.is_baseline, first.baseline) == (True, True, None)
    assert (second.passed, second.is_baseline, second.baseline) == (True, False, first)
    assert second.usual(second.results[0]) == first.results[0].figures
    with database.read() as session:
        assert baseline(session, made) == first
        assert baseline(session, "svc-other") is None


TWICE = Catalog.of(
    [
        specification(
            {
                "kind": "stamp",
                "target": "{{ characteristics.address }}",
                "port": "{{ characteristics.udp }}",
                "acceptance": {"packets": 2},
            },
            {"kind": "stamp", "target": "127.0.0.7", "port": "{{ characteristics.udp }}", "acceptance": {"packets": 3}},
        )
    ]
)


def test_each_of_two_probes_of_one_kind_is_compared_with_itself(database, clock):
    """Also when what it points at has another address by then."""
    first = Reflector("127.0.0.1", 0)
    port = first.address[1]
    reflectors = [first, *(Reflector(address, port) for address in ("127.0.0.3", "127.0.0.7"))]
    for each in reflectors:
        each.start()
    try:
        made = service(database, clock, port=port)
        facts = ServiceFacts(made, "line", "1000001")
        checks = acceptance_checks(TWICE.specification("line"), facts, {"address": "127.0.0.1", "udp": port}, {})
        tests = desk(database, clock, TWICE)
        for check in checks:
            tests.accept(made, probe_of(check), by="fabd", deadline=time.monotonic() + 60)
            clock.advance(1)
        with database.write() as session:
            take_as_baselines(session, [made])
            row = service_row(session, made)
            row.characteristics = {**row.characteristics, "address": "127.0.0.3"}
        later = tests.test(made, by="ada", packets=4)
    finally:
        for each in reflectors:
            each.stop()
    assert [each.address for each in later.results] == ["127.0.0.3", "127.0.0.7"]
    assert [later.usual(each).sent for each in later.results] == [2, 3]


def test_a_test_fails_when_nothing_answers_though_nothing_was_asked_for(database, clock):
    result = desk(database, clock, catalog(), SOON).test(service(database, clock, port=9), by="ada", packets=2)
    assert not result.passed
    assert result.faults == ("stamp 127.0.0.1 port 9: none of 2 packets was answered",)


@pytest.mark.parametrize(
    ("address", "words"), [("nowhere", "'nowhere' is no IP address"), ("224.0.0.5", "no address of one interface")]
)
def test_a_target_that_makes_no_sense_is_named(database, clock, address, words):
    with pytest.raises(TargetUnusable, match=words):
        desk(database, clock, catalog()).test(service(database, clock, address), by="ada")


def test_a_service_that_rests_is_not_tested(database, clock):
    with pytest.raises(NothingToMeasure, match="is inactive: it is measured while it is active"):
        desk(database, clock, catalog()).test(service(database, clock, state="inactive"), by="ada")


def test_a_service_without_anything_to_measure_and_one_that_is_not_there_are_refused(database, clock):
    tests = desk(database, clock, Catalog.of([specification()]))
    with pytest.raises(NothingToMeasure, match="give the specification a monitor"):
        tests.test(service(database, clock), by="ada")
    with pytest.raises(UnknownObject):
        tests.test("svc-no", by="ada")


def test_a_key_that_does_not_resolve_is_named_and_one_that_does_is_used(database, clock):
    sealed = Reflector("127.0.0.1", 0, b"sesame")
    sealed.start()
    made = service(database, clock, port=sealed.address[1])
    try:
        assert desk(database, clock, catalog(credential="stamp-key")).test(made, by="ada", packets=2).passed
        with pytest.raises(TargetUnusable, match="the key 'other' of its measurement"):
            desk(database, clock, catalog(credential="other")).test(made, by="ada")
    finally:
        sealed.stop()


def test_more_tests_than_may_run_wait_and_give_up_at_their_deadline(database, clock):
    tests, made = desk(database, clock, catalog(), at_once=1), service(database, clock)
    with tests._slots, pytest.raises(TooManyTests, match="1 others are"):
        tests.test(made, by="ada", deadline=time.monotonic() + 0.05)


def test_an_acceptance_test_becomes_the_baseline_when_the_service_holds(database, clock, reflector):
    book = catalog(acceptance={"packets": 3})
    made = service(database, clock, port=reflector.address[1], state="reserved")
    tests = desk(database, clock, book)
    acceptor = Acceptor(tests, book)
    probe = Probe("stamp", *reflector.address, 1.0, acceptance=Acceptance(packets=3))
    found = acceptor.measure(check_of(made, probe), time.monotonic() + 60)
    assert found.outcome is CheckOutcome.PASSED
    assert "0.0% lost" in found.detail
    with database.write() as session:
        assert baseline(session, made) is None
        acceptor.renew(session, [service_row(session, made)])
    with database.read() as session:
        assert baseline(session, made).occasion is Occasion.ACCEPTANCE


def test_each_place_of_a_service_keeps_what_it_measured_when_it_was_new(database, clock, reflector):
    book = catalog(acceptance={"packets": 2})
    made = service(database, clock, port=reflector.address[1], state="reserved")
    acceptor = Acceptor(desk(database, clock, book), book)
    for site in ("pe1/1", "pe2/1", "pe1/1"):
        probe = Probe("stamp", *reflector.address, 1.0, site, acceptance=Acceptance(packets=2))
        assert acceptor.measure(check_of(made, probe), time.monotonic() + 60).outcome is CheckOutcome.PASSED
        clock.advance(1)
    with database.write() as session:
        acceptor.renew(session, [service_row(session, made)])
    with database.read() as session:
        found = baseline(session, made)
        newest = session.query(MeasurementRow).order_by(MeasurementRow.id.desc()).first()
    assert (found.id, sorted(each.site for each in found.results)) == (newest.id, ["pe1/1", "pe2/1"])
    assert [each.figures.received for each in found.results] == [2, 2]


def test_an_acceptance_test_fails_in_words_and_with_too_little_time(database, clock, reflector):
    made = service(database, clock, state="reserved")
    acceptor = Acceptor(desk(database, clock, catalog(), SOON), catalog())
    silent = check_of(made, Probe("stamp", "127.0.0.1", 9, 1.0, acceptance=Acceptance(packets=2)))
    assert "none of 2 packets was answered" in acceptor.measure(silent, time.monotonic() + 60).detail
    answered = check_of(made, Probe("stamp", *reflector.address, 1.0, acceptance=Acceptance(packets=500)))
    tries = (acceptor.measure(answered, time.monotonic() + enough_s) for enough_s in (1, 4, 16))  # to send some, and hear of them
    short = next(each for each in tries if "of 500 packets only" in each.detail)
    assert short.outcome is CheckOutcome.FAILED
    wrong = check_of(made, Probe("stamp", "nowhere", 9, 1.0, acceptance=Acceptance()))
    assert "no IP address" in acceptor.measure(wrong, time.monotonic() + 60).detail


def test_an_acceptance_test_that_failed_is_no_baseline(database, clock):
    made = service(database, clock, state="reserved")
    acceptor = Acceptor(desk(database, clock, catalog(), SOON), catalog())
    acceptor.measure(check_of(made, Probe("stamp", "127.0.0.1", 9, 1.0, acceptance=Acceptance(packets=2))), time.monotonic() + 60)
    with database.write() as session:
        take_as_baselines(session, [made])
        assert baseline(session, made) is None


def test_old_tests_are_forgotten_and_baselines_stay(database, clock, reflector):
    tests, made = desk(database, clock, catalog()), service(database, clock, port=reflector.address[1])
    tests.test(made, by="ada", packets=2, as_baseline=True)
    tests.test(made, by="ada", packets=2)
    later = clock.now() + timedelta(days=1)
    with database.write() as session:
        assert forget(session, before=later, limit=10) == 1
        assert forget(session, before=later, limit=10) == 0
        assert session.query(MeasurementRow).one().baseline


@pytest.mark.parametrize(
    "probe",
    [
        Probe("echo", "192.0.2.1", 862, 1.0, acceptance=Acceptance()),
        Probe("stamp", "192.0.2.1", 8620, 1.0, "pe1/1", "key", Acceptance(packets=5, loss_ratio=0.25, delay_s=0.02, jitter_s=1e-4)),
    ],
)
def test_a_check_says_all_that_is_needed_to_measure(probe):
    check = check_of("svc-1", probe)
    assert check.arguments["service"] == "svc-1"
    assert probe_of(check) == probe


def test_only_probes_with_acceptance_are_checks_and_a_bad_target_is_told_before_anything_is_changed():
    facts = ServiceFacts("svc-1", "x", "1")
    spec = specification(STAMP, {**STAMP, "acceptance": {}})
    assert len(acceptance_checks(spec, facts, {"address": "192.0.2.1", "udp": 7}, {})) == 1
    assert acceptance_checks(specification(STAMP), facts, {}, {}) == ()
    with pytest.raises(RenderingFailed):
        acceptance_checks(spec, facts, {}, {})


@pytest.mark.parametrize(
    ("acceptance", "found", "faults"),
    [
        (None, Figures(10, 1, 0.9, delay_s=9.0), ()),
        (None, Figures(10, 0, 1.0), ("none of 10 packets was answered",)),
        (
            None,
            Figures(10, 0, 1.0, problem="no route"),
            ("none of 10 packets was answered (no route)",),
        ),
        (None, Figures(0, 0, None), ("nothing could be sent",)),
        (Acceptance(loss_ratio=1), Figures(10, 0, 1.0), ()),
        (Acceptance(), Figures(10, 9, 0.1, delay_s=0.1), ("1 of 10 packets were lost, 10.0%; at most 0.0% may be",)),
        (Acceptance(delay_s=0.02), Figures(9, 9, 0.0, delay_s=0.0213), ("delay 21.3 ms, at most 20 ms was asked for",)),
        (Acceptance(jitter_s=0.02), Figures(9, 9, 0.0, delay_s=1, jitter_s=0.02), ()),
        (Acceptance(jitter_s=0.02), Figures(9, 9, 0.0, delay_s=1, jitter_s=0.03), ("jitter 30 ms, at most 20 ms was asked for",)),
    ],
)
def test_figures_are_held_against_what_was_asked_for(acceptance, found, faults):
    assert judged(Probe("echo", "192.0.2.1", 862, 1.0, acceptance=acceptance), found).faults == faults


def test_a_result_comes_back_from_its_document():
    result = Result("stamp", "192.0.2.1", 862, "pe1/1", figures(Tally(3, [0.1, 0.2, 0.3])), ("slow",))
    assert Result.from_document(result.to_document() | {"of_a_later_version": 1}) == result


def test_the_worst_place_speaks_for_the_service():
    one = Result("echo", "a", 0, "", Figures(2, 1, 0.5, delay_s=0.1, jitter_s=0.3))
    other = Result("echo", "b", 0, "", Figures(2, 0, 1.0))
    assert worst([one, other]) == {"loss_ratio": 1.0, "delay_s": 0.1, "jitter_s": 0.3}


# -- all the time ------------------------------------------------------------------------------------------------------


def test_services_on_the_network_are_measured_and_others_not(database, clock):
    aims = Aims(catalog(), resolve)
    active = service(database, clock, "192.0.2.1", port=7)
    service(database, clock, "192.0.2.2", port=7, state="inactive")
    service(database, clock, "nowhere", port=7)
    with database.read() as session:
        assert [(aim.service_id, str(aim.target)) for aim in aims.standing(session)] == [(active, "stamp 192.0.2.1:7")]


def test_a_service_that_is_changed_is_measured_where_it_is_now(database, clock):
    aims, made = Aims(catalog(), resolve), service(database, clock, "192.0.2.1", port=7)
    for address in ("192.0.2.1", "192.0.2.9"):
        with database.write() as session:
            change_service(session, made, {"address": address, "udp": 7})
        with database.read() as session:
            assert [aim.target.address for aim in aims.standing(session)] == [address]


def test_a_catalog_without_probes_asks_the_database_nothing():
    assert Aims(Catalog.of([specification()]), resolve).standing(None) == []


def test_two_services_at_one_address_are_one_session_as_often_as_the_more_impatient_wants(database, clock):
    made = [service(database, clock, "192.0.2.1", port=7) for _ in range(2)]
    with database.read() as session:
        one, other = Aims(catalog(), resolve).standing(session)
    impatient = type(other)(other.service_id, Probe("stamp", "192.0.2.1", 7, 0.5), other.target)
    wanted, services = merged([one, impatient])
    assert wanted == {one.target: 0.5}
    assert services == {one.target: frozenset(made)}


def test_a_minute_says_the_worst_of_a_services_places_and_nothing_of_what_was_half_measured():
    a, b, c = (target_of("stamp", f"192.0.2.{low}") for low in (1, 2, 3))
    tallies = {a: Tally(60, [0.01] * 60), b: Tally(60, [0.05] * 30), c: Tally(20, [0.01] * 20)}
    minute = Minute(int(START.timestamp()), tallies, dict.fromkeys((a, b, c), 60.0))
    services = {a: frozenset({"one", "two"}), b: frozenset({"one"}), c: frozenset({"two"})}
    one, two = told(minute, services)
    assert (one.service_id, one.start, one.loss_ratio, one.delay_s) == ("one", START, 0.5, pytest.approx(0.05))
    assert one.percentiles["delay_p99_s"] == pytest.approx(0.05)
    assert (two.service_id, two.is_known, two.delay_s) == ("two", False, None)


def test_a_minute_in_which_one_place_could_not_be_sent_to_says_nothing_of_the_service():
    a, b = (target_of("stamp", f"192.0.2.{low}") for low in (1, 2))
    tallies = {a: Tally(60, [0.01] * 60), b: Tally(problem="Network is unreachable")}
    (minute,) = told(
        Minute(int(START.timestamp()), tallies, dict.fromkeys((a, b), 60.0)), dict.fromkeys((a, b), frozenset({"one"}))
    )
    assert not minute.is_known


def test_minutes_become_readings_of_objectives_and_values_of_the_history():
    known = ServiceMinute("svc-1", START, loss_ratio=1.0)
    blind = ServiceMinute("svc-2", START)
    later = ServiceMinute("svc-1", START + timedelta(minutes=1), 60, 0.0, 0.01, 0.002, {"delay_p95_s": 0.02})
    found = {(each.service_id, each.metric, each.start): each.value for each in readings_of([known, blind, later])}
    assert found["svc-1", "loss", START] == 1.0
    assert found["svc-1", "delay", START] is None
    assert found["svc-2", "loss", START] is None
    assert found["svc-1", "jitter", later.start] == 0.002
    assert list(series_of([later, known, blind])) == [
        (START, {("service:svc-1", "loss_ratio"): 1.0}),
        (
            later.start,
            {
                ("service:svc-1", "loss_ratio"): 0.0,
                ("service:svc-1", "delay_s"): 0.01,
                ("service:svc-1", "jitter_s"): 0.002,
                ("service:svc-1", "delay_p95_s"): 0.02,
            },
        ),
    ]


def test_nothing_is_opened_until_a_service_wants_to_be_measured(database, clock, reflector):
    made = []

    def make():
        made.append(Prober(SOON, span_s=1))
        return made[0]

    watch = ServiceWatch(database, Aims(catalog(every_s=0.1), resolve), make, clock)
    watch.refresh()
    assert made == []
    assert watch.minutes() == []
    wanted = service(database, clock, port=reflector.address[1])
    watch.refresh()
    try:
        assert watch.services == 1
        found = eventually(lambda: [each for each in watch.minutes() if each.is_known and each.loss_ratio == 0])
        assert {(each.service_id, each.loss_ratio) for each in found} == {(wanted, 0.0)}
        with database.write() as session:
            service_row(session, wanted).state = "terminated"
        watch.refresh()
        assert (watch.services, made[0].sessions) == (0, 0)
    finally:
        watch.stop()


class Dying(Prober):
    """Its thread ends at its first turn."""

    def _turn_minute(self):
        raise RuntimeError("no such luck")


def test_a_prober_that_ends_by_itself_is_told_of_and_replaced_after_a_pause(database, clock, reflector):
    makers, made = [Dying, Dying, Prober], []

    def make():
        made.append(makers[len(made)](SOON, span_s=1))
        return made[-1]

    watch = ServiceWatch(database, Aims(catalog(every_s=0.1), resolve), make, clock)
    wanted = service(database, clock, port=reflector.address[1])
    watch.refresh()
    try:
        for pause, deaths in ((5, 1), (10, 2)):
            eventually(lambda: made[-1].failure)
            assert watch.minutes() == []
            assert (watch.failures, len(made)) == (deaths, deaths)
            assert "RuntimeError('no such luck')" in watch.fault()
            clock.advance(pause - 1)
            watch.refresh()
            assert len(made) == deaths
            clock.advance(1)
            watch.refresh()
        found = eventually(lambda: [each for each in watch.minutes() if each.is_known and each.loss_ratio == 0])
        assert {each.service_id for each in found} == {wanted}
        sent = sum(prober.packets for prober in made)
        assert 0 < sent <= watch.counts().packets <= sum(prober.packets for prober in made)  # it goes on sending
        assert "2 times in a row" in watch.fault()
        clock.advance(WELL_AFTER_S)
        assert watch.fault() == ""
    finally:
        watch.stop()


class Threadless(Prober):
    """There are too many threads on the host."""

    def start(self):
        raise RuntimeError("can't start new thread")


def test_a_prober_that_could_not_be_begun_is_tried_again_after_a_pause(database, clock, reflector):
    made = []

    def make():
        made.append((Prober if made else Threadless)(SOON, span_s=1))
        return made[-1]

    watch = ServiceWatch(database, Aims(catalog(every_s=0.1), resolve), make, clock)
    wanted = service(database, clock, port=reflector.address[1])
    watch.refresh()
    try:
        assert (watch.minutes(), watch.failures, len(made)) == ([], 1, 1)
        assert "can't start new thread" in watch.fault()
        clock.advance(5)
        watch.refresh()
        found = eventually(lambda: [each for each in watch.minutes() if each.is_known and each.loss_ratio == 0])
        assert ({each.service_id for each in found}, len(made)) == ({wanted}, 2)
    finally:
        watch.stop()


def test_tests_share_what_may_be_sent_with_what_is_measured_all_the_time(database, clock, reflector):
    allowance = Allowance(100)
    allowance.watch(90)
    made = service(database, clock, port=reflector.address[1])
    tests = desk(database, clock, catalog(), allowance=allowance)
    began = time.monotonic()
    result = tests.test(made, by="ada", packets=6)
    assert result.passed
    assert time.monotonic() - began >= 0.5 * 0.9  # six packets at 10 a second
    with allowance.test(10, time.monotonic()), pytest.raises(TooManyTests, match="other tests send all of the 10 packets"):
        tests.test(made, by="ada", deadline=time.monotonic() + 0.6)
