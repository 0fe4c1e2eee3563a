"""Golden payloads: `tests/drivers/golden/<platform>-<case>/{before,after,forward,reverse}.txt`, checked by eye once."""

from pathlib import Path

import pytest

from drivers.diff import change_set
from drivers.errors import DriverSetupError
from drivers.platform import load_platform

GOLDEN = Path(__file__).parent.parent / "golden"
CASES = sorted(path.parent for path in GOLDEN.glob("*/forward.txt"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_payloads_are_the_golden_ones(case: Path) -> None:
    before, after = (case / "before.txt").read_text(), (case / "after.txt").read_text()
    change = change_set(load_platform(case.name.partition("-")[0]), "pe1", before, after)
    assert change.forward + "\n" == (case / "forward.txt").read_text()
    assert change.reverse + "\n" == (case / "reverse.txt").read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_inverse_is_the_change_the_other_way_round(case: Path) -> None:
    platform = load_platform(case.name.partition("-")[0])
    before, after = (case / "before.txt").read_text(), (case / "after.txt").read_text()
    assert change_set(platform, "pe1", before, after).inverted() == change_set(platform, "pe1", after, before)


def test_ports_matter_only_while_something_remains() -> None:
    frr = load_platform("frr")
    text = "interface ce1\n description Acme"
    assert change_set(frr, "pe1", "", text, ["ce1"]).ports == ("ce1",)
    assert change_set(frr, "pe1", text, "\n", ["ce1"]).ports == ()


def test_two_spellings_of_one_configuration_are_no_change() -> None:
    frr = load_platform("frr")
    one, other = "interface ce1\n  ipv6 address 2001:DB8:0::/127\n exit\n!\n", "interface ce1\n ipv6 address 2001:db8::/127"
    assert change_set(frr, "pe1", one, other).empty


def test_objects_are_dispatched() -> None:
    change = change_set(load_platform("qbridge"), "sw1", "", "alias: {3: Acme}")
    assert "Acme" in change.forward
    assert change.reverse


@pytest.mark.parametrize(
    ("platform", "text"), [("ietf", "<interfaces>"), ("ios", "interface Gi0/1\n switchport trunk allowed vlan 1-")]
)
def test_a_template_that_rendered_nonsense_is_named(platform: str, text: str) -> None:
    with pytest.raises(DriverSetupError, match=rf"pe1: the template for platform {platform} .* correct the template"):
        change_set(load_platform(platform), "pe1", "", text)
