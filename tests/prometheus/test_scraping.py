"""What fabd shows, as Prometheus sees it."""

import subprocess

import pytest

from agent.prometheus.targets import DAEMON, ELEMENTS, SERVICES
from tests.prometheus.programs import eventually, program


@pytest.mark.parametrize("page", [DAEMON, ELEMENTS, f"{ELEMENTS}?shard=0/2", SERVICES])
def test_promtool_finds_nothing_to_say_of_a_page(scene, page):
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"], input=scene.stage.text(page), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_every_target_that_fabd_tells_of_is_scraped(scene):
    def found() -> set[tuple[str, ...]]:
        targets = scene.prometheus.get("/api/v1/targets")["data"]["activeTargets"]
        return {(each["labels"]["job"], each["labels"].get("shard", ""), each["health"], each["lastError"]) for each in targets}

    parts = {("fabd-elements", f"{number}/2", "up", "") for number in range(2)}
    expected = {("fabd", "", "up", ""), ("fabd-services", "", "up", ""), *parts}
    eventually(lambda: found() == expected, "every target to be up, each by a scrape that was not late")


def test_the_parts_hold_every_element_once(scene):
    expected = {"p1", "p2", "pe1", "pe2", "pe3", "pe4", "sw1", "sw2"}
    eventually(lambda: scene.prometheus.labels("fabd_port_oper_status", "element") == expected, "both parts to be scraped")
    assert scene.prometheus.query("count by (element, port) (fabd_port_oper_status) > 1") == []


def test_the_rules_record_and_nothing_is_wrong_with_them(scene):
    groups = scene.prometheus.get("/api/v1/rules")["data"]["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
    assert scene.prometheus.shown('port:fabd_receive_bits:rate5m{element="pe1"} > 0')
