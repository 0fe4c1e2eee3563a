"""The log of one router: rsyslog, which passes on what FRR says to the management network (RFC 5424 over UDP).

FRR writes to /dev/log and nowhere else. So that each router has a log of its own, its daemons see a /dev of a few devices and that
socket, in a mount namespace that ends with them.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from tests.lab import namespaces
from tests.lab.shell import wait_until
from tests.lab.topology import MANAGEMENT_ADDRESS, SYSLOG_PORT, Router

RSYSLOGD = "/usr/sbin/rsyslogd"
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_MOUNTED = 'dev=$1; shift; for each in $1; do mount --bind /dev/$each $dev/$each; done; shift; mount --rbind $dev /dev; exec "$@"'


def install(folder: Path) -> None:
    devices = folder / "dev"
    devices.mkdir()
    for name in _DEVICES:
        (devices / name).touch()
    (folder / "rsyslog.conf").write_text(f"""\
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{devices / "log"}" CreatePath="off" UsePIDFromSystem="on")
action(type="omfwd" target="{MANAGEMENT_ADDRESS.ip}" port="{SYSLOG_PORT}" protocol="udp" template="RSYSLOG_SyslogProtocol23Format")
""")


def start(router: Router, folder: Path) -> None:
    log = folder / "dev" / "log"
    log.unlink(missing_ok=True)
    config, pid = folder / "rsyslog.conf", folder / "rsyslogd.pid"
    environment = {**os.environ, "HOME": str(folder)}
    namespaces.execute(router.name, [RSYSLOGD, "-f", str(config), "-i", str(pid)], env=environment)
    wait_until(f"rsyslogd listens on {log}", log.is_socket)
    log.chmod(0o666)  # FRR's daemons have given up being root


def heard(folder: Path, argv: Sequence[str]) -> list[str]:
    """The command that runs a program, started in the router, whose log is the router's."""
    return ["unshare", "--mount", "sh", "-e", "-c", _MOUNTED, "sh", str(folder / "dev"), " ".join(_DEVICES), *argv]
