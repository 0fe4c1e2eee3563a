import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.diff import lines
from drivers.platform import load_platform
from drivers.port import Standing
from tests.drivers.diff.device import Device, pruned

IOS = load_platform("ios").line_rules
FRR = load_platform("frr").line_rules

FOREIGN = """vlan 900
 name theirs
interface Gi0/1
 mtu 9000
 switchport trunk allowed vlan 900,901
interface Gi0/3
 description theirs
 ip address 172.16.0.1 255.255.255.0
router bgp 65000
 neighbor 192.0.2.1 remote-as 65000
 address-family ipv4
  network 172.16.0.0 mask 255.255.255.0"""

VRFS = ("ACME", "BETA")
ADDRESSES = ("10.0.0.1 255.255.255.254", "10.0.0.3 255.255.255.254", "10.0.0.5 255.255.255.254")


def some(*choices: str) -> st.SearchStrategy[str]:
    return st.sampled_from(("", *choices))


@st.composite
def configurations(draw: st.DrawFn) -> str:
    """What a service could own: VRFs before their users, VLANs, ports, sub-interfaces, announcements."""
    text: list[str] = []
    for vrf in VRFS:
        text += [f"vrf definition {vrf}", f" rd 65000:{draw(st.integers(1, 2))}{VRFS.index(vrf)}"]
    for vlan in draw(st.sets(st.integers(100, 103))):
        text += [f"vlan {vlan}", *(f" name {name}" for name in [draw(some("a", "b"))] if name)]
    for port in draw(st.sets(st.sampled_from(["Gi0/1", "Gi0/2", "Gi0/1.100", "Gi0/2.200"]))):
        text += [f"interface {port}", *draw(port_lines())]
    families = draw(st.sets(st.sampled_from(["ipv4", *(f"ipv4 vrf {vrf}" for vrf in VRFS)])))
    if families:
        text.append("router bgp 65000")
        for family in sorted(families):
            text.append(f" address-family {family}")
            text += [f"  network 10.0.{n}.0 mask 255.255.255.0" for n in draw(st.sets(st.integers(0, 2), min_size=1))]
    return "\n".join(text)


@st.composite
def port_lines(draw: st.DrawFn) -> list[str]:
    chosen = [
        draw(some("description Acme", "description Acme 2001:DB8::1")),
        draw(some(*(f"vrf forwarding {vrf}" for vrf in VRFS))),
        draw(some(*(f"ip address {address}" for address in ADDRESSES))),
        draw(some("ipv6 address 2001:db8::1/127")),
        draw(some("rate-limit input 1000000", "rate-limit input 2000000")),
    ]
    trunk = draw(st.sets(st.integers(100, 103)))
    if trunk:
        chosen.append(f"switchport trunk allowed vlan {','.join(map(str, sorted(trunk)))}")
    return [f" {line}" for line in chosen if line]


def device(*texts: str) -> Device:
    box = Device(FOREIGN)
    for text in texts:
        box.type(lines.forward(IOS, "", text))
    return box


@given(configurations(), configurations())
def test_the_commands_lead_from_before_to_after_and_back_and_touch_nothing_else(before: str, after: str) -> None:
    box = device(before)
    box.type(lines.forward(IOS, before, after))
    assert pruned(box.tree) == pruned(device(after).tree)
    box.type(lines.forward(IOS, after, before))
    assert pruned(box.tree) == pruned(device(before).tree)
    box.type(lines.forward(IOS, before, ""))
    assert pruned(box.tree) == pruned(Device(FOREIGN).tree)


@given(configurations())
def test_what_is_there_is_configured_as_rendered(text: str) -> None:
    wanted = pruned(Device(text).tree)
    box = Device()
    box.type(lines.forward(IOS, "", text))
    assert repr(pruned(box.tree)).lower() == repr(wanted).lower()


@given(configurations())
def test_no_difference_is_no_command(text: str) -> None:
    assert lines.forward(IOS, text, text) == ""


def printed(box: Device) -> str:
    """The running configuration as the box prints it, list lines joined."""

    def show(tree: dict, indent: str) -> list[str]:
        trunk = ",".join(line.rsplit(" ", 1)[1] for line in tree if line.startswith("switchport trunk"))
        rest = [line for line in tree if not line.startswith("switchport trunk")]
        own = [part for line in rest for part in (f"{indent}{line}", *show(tree[line], f"{indent} "))]
        return ([f"{indent}switchport trunk allowed vlan {trunk}"] if trunk else []) + own

    return "\n".join(["!", *show(box.tree, ""), "end"])


@given(configurations(), configurations())
def test_the_running_configuration_tells_which_side_it_is_on(before: str, after: str) -> None:
    there = lines.assess(IOS, before, after, printed(device(after)))
    assert (there.missing, there.leftover, there.standing) == ((), (), Standing.AFTER)
    if lines.forward(IOS, before, after):
        assert lines.assess(IOS, before, after, printed(device(before))).standing is Standing.BEFORE


@given(configurations(), configurations(), st.data())
def test_a_change_that_stopped_anywhere_is_undone_from_what_is_there(before: str, after: str, data: st.DataObject) -> None:
    commands = lines.forward(IOS, before, after).splitlines()
    done = commands[: data.draw(st.integers(0, len(commands)))]
    box = device(before)
    open_modes = sum(_opens(line) for line in done)
    box.type("\n".join([*done, *["exit"] * open_modes]))
    box.type(lines.forward(IOS, lines.restrict(IOS, printed(box), before, after), before))
    assert pruned(box.tree) == pruned(device(before).tree)


def _opens(line: str) -> int:
    words = line.strip()
    if words in ("exit", "exit-address-family"):
        return -1
    return int(words.startswith(("interface", "vlan ", "vrf definition", "router bgp", "address-family")))


def within(command: str) -> list[str]:
    return ["interface Gi0/1", command, "exit"]


@pytest.mark.parametrize(
    ("before", "after", "commands"),
    [
        pytest.param(
            "interface Gi0/1\n ip address 10.0.0.1 255.255.255.254",
            "interface Gi0/1\n ip address 10.0.0.3 255.255.255.254",
            [*within("no ip address 10.0.0.1 255.255.255.254"), *within("ip address 10.0.0.3 255.255.255.254")],
            id="an address is removed before another takes its place",
        ),
        pytest.param(
            "interface Gi0/1\n switchport trunk allowed vlan 100,200-202",
            "interface Gi0/1\n switchport trunk allowed vlan 200,300",
            [*within("switchport trunk allowed vlan remove 100,201,202"), *within("switchport trunk allowed vlan add 300")],
            id="VLANs of a trunk change one by one",
        ),
        pytest.param("interface Gi0/1.100\n description a", "", ["no interface Gi0/1.100"], id="a sub-interface goes as a whole"),
        pytest.param("interface Gi0/1\n no shutdown", "", [], id="a port is given back enabled"),
        pytest.param("interface Gi0/1\n mtu 9000", "", within("no mtu 9000"), id="a port never goes itself"),
        pytest.param(
            "interface Gi0/1\n description a",
            "interface Gi0/1\n description b",
            within("description b"),
            id="a description is overwritten",
        ),
        pytest.param("interface Gi0/1\n no ip redirects", "", within("ip redirects"), id="a negation is taken back"),
        pytest.param(
            "interface Gi0/1\n no ip redirects",
            "interface Gi0/1\n ip redirects",
            within("ip redirects"),
            id="a line takes the place of its negation",
        ),
        pytest.param(
            "interface Gi0/1\n ipv6 address 2001:DB8:0::1/127", "interface Gi0/1\n ipv6 address 2001:db8::1/127", [], id="spelling"
        ),
    ],
)
def test_commands(before: str, after: str, commands: list[str]) -> None:
    assert [line.strip() for line in lines.forward(IOS, before, after).splitlines()] == commands


def test_frr_prints_one_space_where_two_were_sent() -> None:
    owned = "interface ce1\n description Acme  Ghent\n ipv6 address 2001:DB8::/127"
    running = "interface ce1\n description Acme Ghent\n ipv6 address 2001:db8::/127\nexit\n!"
    assert lines.assess(FRR, "", owned, running).missing == ()


def test_addresses_in_a_description_stay_as_written() -> None:
    assert "description via 2001:DB8::1" in lines.forward(IOS, "", "interface Gi0/1\n description via 2001:DB8::1")


def test_values_of_others_in_our_slots_are_seen_only_when_asked_for() -> None:
    running, owned = (
        "interface Gi0/1\n description by hand\n no ip address",
        "interface Gi0/1\n description ours\n ip address 10.0.0.1 255.0.0.0",
    )
    assert lines.restrict(IOS, running, owned) == ""
    assert lines.restrict(IOS, running, owned, foreign=True) == "interface Gi0/1\n description by hand"


@pytest.mark.parametrize("text", ["description really?", "description a\x07b", "description a\tb"])
def test_what_cannot_be_typed_is_found(text: str) -> None:
    assert lines.untypable(IOS, f"interface Gi0/1\n {text}") == f" {text}"


def test_plain_text_can_be_typed() -> None:
    assert lines.untypable(IOS, "interface Gi0/1\n description Ghent, 100 %") is None


def test_a_section_that_is_not_there_is_not_found_by_a_default_that_holds_in_it():
    running = "interface Gi0/4\n no ip address"
    owned = "interface Gi0/4.100\n encapsulation dot1Q 100\n no shutdown"
    assert lines.restrict(IOS, running, owned) == ""
    assert lines.restrict(IOS, running, owned, foreign=True) == ""
