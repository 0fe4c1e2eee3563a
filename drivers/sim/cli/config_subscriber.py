"""What a subscriber's port is allowed: the voice VLAN, and which multicast groups it may join, how many at a time."""

from ipaddress import IPv4Address

from drivers.sim.cli.command import Command, Context
from drivers.sim.cli.errors import Refused
from drivers.sim.cli.grammar import Word
from drivers.sim.cli.modes import Mode
from drivers.sim.faults import Phase
from drivers.sim.state import IgmpProfile, SimPort

Words = tuple[Word, ...]


def voice(context: Context, words: Words) -> None:
    vid = int(words[0].text)
    if vid not in context.state.vlans:
        raise Refused(f"VLAN {vid} does not exist; define it with `vlan` first.")
    _port(context).voice_vlan = vid


def no_voice(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    _port(context).voice_vlan = None


def profile(context: Context, words: Words) -> None:
    number = words[0].text
    context.state.igmp_profiles.setdefault(int(number), IgmpProfile(int(number)))
    context.enter(Mode.IGMP_PROFILE, number)


def no_profile(context: Context, words: Words) -> None:
    context.state.igmp_profiles.pop(int(words[0].text), None)


def permit(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    _profile(context).permits = True


def no_permit(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    _profile(context).permits = False


def group_range(context: Context, words: Words) -> None:
    wanted = _range(words)
    ranges = _profile(context).ranges
    if wanted not in ranges:
        ranges.append(wanted)
        ranges.sort()


def no_group_range(context: Context, words: Words) -> None:
    gone = _range(words)
    if gone not in _profile(context).ranges:
        raise Refused(f"Range {gone[0]} {gone[1]} is not configured.")
    _profile(context).ranges.remove(gone)


def filter_(context: Context, words: Words) -> None:
    _port(context).igmp_filter = int(words[0].text)


def no_filter(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    _port(context).igmp_filter = None


def max_groups(context: Context, words: Words) -> None:
    _port(context).igmp_max_groups = int(words[0].text)


def no_max_groups(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    _port(context).igmp_max_groups = None


GLOBAL_COMMANDS = (
    Command("ip igmp profile <number>", profile, Phase.EDIT),
    Command("no ip igmp profile <number>", no_profile, Phase.EDIT),
)
PROFILE_COMMANDS = (
    Command("permit", permit, Phase.EDIT),
    Command("no permit", no_permit, Phase.EDIT),
    Command("range <ipv4> <ipv4>", group_range, Phase.EDIT),
    Command("no range <ipv4> <ipv4>", no_group_range, Phase.EDIT),
)
PORT_COMMANDS = (
    Command("switchport voice vlan <vlan>", voice, Phase.EDIT),
    Command("no switchport voice vlan", no_voice, Phase.EDIT),
    Command("no switchport voice vlan <vlan>", no_voice, Phase.EDIT),
    Command("ip igmp filter <number>", filter_, Phase.EDIT),
    Command("no ip igmp filter", no_filter, Phase.EDIT),
    Command("no ip igmp filter <number>", no_filter, Phase.EDIT),
    Command("ip igmp max-groups <number>", max_groups, Phase.EDIT),
    Command("no ip igmp max-groups", no_max_groups, Phase.EDIT),
    Command("no ip igmp max-groups <number>", no_max_groups, Phase.EDIT),
)


def profile_block(row: IgmpProfile) -> list[str]:
    lines = [" permit"] if row.permits else []
    return [f"ip igmp profile {row.number}", *lines, *(f" range {first} {last}" for first, last in row.ranges)]


def port_lines(port: SimPort) -> list[str]:
    settings = (
        ("switchport voice vlan", port.voice_vlan),
        ("ip igmp filter", port.igmp_filter),
        ("ip igmp max-groups", port.igmp_max_groups),
    )
    return [f"{words} {value}" for words, value in settings if value is not None]


def _port(context: Context) -> SimPort:
    port = context.state.ports.get(context.subject)
    if port is None:
        raise Refused(f"{context.subject} is not a switching port.")
    return port


def _profile(context: Context) -> IgmpProfile:
    row = context.state.igmp_profiles.get(int(context.subject))
    if row is None:
        raise Refused(f"IGMP profile {context.subject} does not exist.")
    return row


def _range(words: Words) -> tuple[str, str]:
    first, last = IPv4Address(words[0].text), IPv4Address(words[1].text)
    if not (first.is_multicast and last.is_multicast and first <= last):
        raise Refused(f"{first} {last} is no range of multicast groups.")
    return str(first), str(last)
