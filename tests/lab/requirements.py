"""What the lab needs from the machine it runs on; this looks and says, and installs nothing."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import CommandFailed
from tests.lab.shell import run

# Debian package → the files the lab uses of it (a pattern, because of the architecture's own library folder).
PACKAGES = {
    "iproute2": ("/usr/sbin/ip",),
    "iputils-ping": ("/usr/bin/ping",),
    "util-linux": ("/usr/bin/unshare", "/usr/bin/setsid"),
    "passwd": ("/usr/sbin/useradd", "/usr/sbin/userdel", "/usr/sbin/chpasswd"),
    "openssh-client": ("/usr/bin/ssh-keygen",),
    "openssh-server": ("/usr/sbin/sshd",),
    "frr": (
        "/usr/bin/vtysh",
        "/usr/lib/frr/zebra",
        "/usr/lib/frr/staticd",
        "/usr/lib/frr/ospfd",
        "/usr/lib/frr/ospf6d",
        "/usr/lib/frr/bgpd",
    ),
    "frr-snmp": ("/usr/lib/*/frr/modules/zebra_snmp.so",),
    "snmpd": ("/usr/sbin/snmpd",),
    "snmp": ("/usr/bin/snmpget", "/usr/bin/snmpset", "/usr/bin/snmptrap"),
    "lldpd": ("/usr/sbin/lldpd",),
    "rsyslog": ("/usr/sbin/rsyslogd",),
    "nftables": ("/usr/sbin/nft",),
    "netconfd": ("/usr/sbin/netconfd", "/usr/sbin/netconf-subsystem"),
    "libyuma-base": ("/usr/share/yuma/modules/ietf/ietf-ip@*.yang",),
}
_UNWANTED = "netconfd-module-ietf-interfaces"
_UNWANTED_FILE = "/usr/lib/*/yuma/libietf-interfaces.so"
_HOOK = "add table netdev t; add chain netdev t c { type filter hook ingress device probe priority 0; }"
_PROBES = (f"fabdprobe-{os.getpid()}-a", f"fabdprobe-{os.getpid()}-b")


@dataclass(frozen=True)
class Missing:
    what: str
    remedy: str


def missing() -> list[Missing]:
    """Everything that stands in the way, empty when nothing does."""
    packages = [package for package, files in PACKAGES.items() if not all(_present(file) for file in files)]
    found = [Missing(f"Debian package {name}", f"apt-get install --no-install-recommends {name}") for name in packages]
    if _present(_UNWANTED_FILE):
        found.append(Missing(f"{_UNWANTED} must not be installed: netconfd aborts with it", f"apt-get remove {_UNWANTED}"))
    if os.geteuid() != 0:
        return [Missing("root", "run as root: the lab makes network namespaces and users"), *found]
    if "iproute2" not in packages and (refusal := _kernel_refusal()):
        found.append(Missing(f"namespaces, veth, bridge and VXLAN devices and nftables in this kernel ({refusal})", _KERNEL_REMEDY))
    return found


_KERNEL_REMEDY = (
    "use a kernel with CONFIG_NET_NS, CONFIG_VETH, CONFIG_BRIDGE, CONFIG_VXLAN and CONFIG_NF_TABLES_NETDEV; "
    "a container needs CAP_SYS_ADMIN and CAP_NET_ADMIN"
)


def report(found: list[Missing]) -> str:
    lines = [f"missing: {each.what}\n  {each.remedy}" for each in found]
    names = [package for package in PACKAGES if any(each.what == f"Debian package {package}" for each in found)]
    if names:
        lines.append(f"all packages at once:\n  apt-get install --no-install-recommends {' '.join(names)}")
    return "\n".join(lines)


def _present(pattern: str) -> bool:
    root = Path("/")
    return any(True for _ in root.glob(pattern.lstrip("/")))


def _kernel_refusal() -> str:
    """Try each kind of device the lab is made of; the kernel's own words when one is refused."""
    a, b = _PROBES
    trials = [
        ["ip", "netns", "add", a],
        ["ip", "netns", "add", b],
        ["ip", "link", "add", "probe", "netns", a, "type", "veth", "peer", "name", "probe", "netns", b],
        ["ip", "-n", a, "link", "add", "bridge", "type", "bridge"],
        ["ip", "-n", a, "link", "add", "tunnel", "type", "vxlan", "id", "1", "dstport", "4789"],
        ["ip", "netns", "exec", a, "nft", _HOOK],
        ["ip", "netns", "exec", a, "unshare", "--uts", "hostname", "probe"],
    ]
    try:
        for trial in trials:
            run(trial)
    except CommandFailed as error:
        return str(error)
    finally:
        for probe in _PROBES:
            if shutil.which("ip"):
                run(["ip", "netns", "delete", probe], check=False)
    return ""
