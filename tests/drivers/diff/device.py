"""A strict model of an IOS-like command line, written apart from the diff: it refuses what a real box refuses."""

import re

Tree = dict[str, "Tree"]
SECTION = re.compile(r"^(interface|vlan \d|vrf definition|router bgp|address-family) ?")
SLOTS = ("description", "ip address", "vrf forwarding", "encapsulation dot1Q", "rate-limit input", "name", "rd")
ADDRESSES = ("ip address", "ipv6 address")
TRUNK = "switchport trunk allowed vlan"


class Refused(Exception):
    pass


class Device:
    def __init__(self, text: str = "") -> None:
        self.tree: Tree = {}
        for line in text.splitlines():
            self._load(line)

    def _load(self, line: str) -> None:
        depth, words = len(line) - len(line.lstrip()), line.strip()
        section = self.tree
        for _ in range(depth):
            section = section[list(section)[-1]]
        if words.startswith(TRUNK):
            for vlan in words.removeprefix(TRUNK).strip().split(","):
                section[f"{TRUNK} {vlan}"] = {}
        else:
            section.setdefault(words, {})

    def type(self, commands: str) -> None:
        modes = [self.tree]
        for raw in commands.splitlines():
            line = raw.strip()
            if line in ("exit", "exit-address-family"):
                modes.pop()
            elif SECTION.match(line):
                modes.append(modes[-1].setdefault(line, {}))
            elif line.startswith("no "):
                self._remove(modes[-1], line.removeprefix("no "))
            else:
                self._set(modes[-1], line)
        assert len(modes) == 1, "the commands end where they began"

    def _set(self, section: Tree, line: str) -> None:
        if line.startswith(f"{TRUNK} add "):
            section.update({f"{TRUNK} {vlan}": {} for vlan in line.removeprefix(f"{TRUNK} add ").split(",")})
            return
        if line.startswith(f"{TRUNK} remove "):
            for vlan in line.removeprefix(f"{TRUNK} remove ").split(","):
                self._drop(section, f"{TRUNK} {vlan}")
            return
        if line.startswith("switchport trunk"):
            raise Refused(f"{line} would cut the other VLANs")
        slot = next((slot for slot in SLOTS if line.startswith(slot)), line)
        if slot == "ip address" and any(other.startswith(slot) for other in section):
            raise Refused("remove the other address first")
        if slot == "vrf forwarding" and f"vrf definition {line.rsplit(maxsplit=1)[-1]}" not in self.tree:
            raise Refused(f"no such VRF: {line}")
        if slot == "vrf forwarding":
            self._wipe(section, ADDRESSES)
        self._wipe(section, (slot,) if slot in SLOTS else ())
        section[line] = {}

    def _remove(self, section: Tree, line: str) -> None:
        if line in ("description", "vrf forwarding", "name", "rate-limit input"):
            found = [other for other in section if other.startswith(line)]
            if not found:
                raise Refused(f"nothing to remove: {line}")
            self._wipe(section, (line, *ADDRESSES) if line == "vrf forwarding" else (line,))
        else:
            self._drop(section, line)
        if line.startswith("vrf definition"):
            users = [body for body in self.tree.values() if f"vrf forwarding {line.rsplit(maxsplit=1)[-1]}" in body]
            for body in users:
                self._wipe(body, ("vrf forwarding", *ADDRESSES))

    @staticmethod
    def _wipe(section: Tree, starts: tuple[str, ...]) -> None:
        for line in [line for line in section if starts and line.startswith(starts)]:
            del section[line]

    @staticmethod
    def _drop(section: Tree, line: str) -> None:
        if line not in section:
            raise Refused(f"not configured: {line}")
        del section[line]


def pruned(tree: Tree) -> Tree:
    """Without the shared headers that hold nothing, sorted: what an operator would call the same configuration."""
    kept = {line: pruned(below) for line, below in sorted(tree.items())}
    return {
        line: below
        for line, below in kept.items()
        if below or not re.match(r"^(interface [^.]+$|router|address-family ipv[46]$)", line)
    }
