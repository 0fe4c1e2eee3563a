"""lldpd on one router: it tells its neighbours who it is, and SNMP who they are (AgentX below net-snmp's agent)."""

import os
import shutil
from pathlib import Path

from tests.lab import namespaces, shared
from tests.lab.topology import Router

LLDPD = "/usr/sbin/lldpd"
PRIVILEGE_SEPARATION = Path("/run/lldpd")  # compiled into Debian's lldpd; systemd makes it where lldpd is a service
_MADE = "made-for-lldpd"
_PORTS = "c-*"  # not those of customers
_KEPT = 60
"""Seconds for which a neighbour is known that says nothing more: four intervals are less than a busy machine may be silent."""
_IN_BACKGROUND = 'out=$1; shift; exec "$@" >"$out" 2>&1'


def install(router: Router, folder: Path) -> None:
    (folder / "lldpd.conf").write_text(f"""\
configure system hostname {router.name}
configure lldp portidsubtype ifname
configure lldp tx-interval 1
configure lldp tx-hold {_KEPT}
""")


def start(router: Router, folder: Path) -> None:
    agent = ["-x", "-X", "tcp:127.0.0.1:705"]
    options = ["-d", *agent, "-u", str(folder / "lldpd.sock"), "-I", _PORTS, "-O", str(folder / "lldpd.conf")]
    in_background = ["setsid", "--fork", "sh", "-c", _IN_BACKGROUND, "sh", str(folder / "lldpd.log")]
    namespaces.execute(router.name, [*in_background, LLDPD, *options], env={**os.environ, "MIBS": ""})


def prepare() -> None:
    """Make lldpd's compiled-in folder if this machine has none."""
    shared.note(_MADE, [PRIVILEGE_SEPARATION])
    PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)


def clean() -> None:
    if shared.made(_MADE) and PRIVILEGE_SEPARATION.is_dir():
        shutil.rmtree(PRIVILEGE_SEPARATION)  # with the time zone that lldpd puts there
