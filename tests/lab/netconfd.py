"""yuma123's NETCONF server in the management namespace, reached through an sshd of its own."""

import os
from pathlib import Path

from tests.lab import namespaces, openssh
from tests.lab.credentials import NETCONF_USER
from tests.lab.shell import wait_until
from tests.lab.topology import MANAGEMENT, NC1, NETCONF_PORT

NETCONFD = "/usr/sbin/netconfd"
SUBSYSTEM = "/usr/sbin/netconf-subsystem"
# The modules only: Debian's implementation package for ietf-interfaces makes the daemon abort on <get>.
MODULES = ("ietf-interfaces", "ietf-ip", "iana-if-type", "lab-policing")
OWN_MODULES = Path(__file__).parent / "yang"
_EMPTY = '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"/>\n'


def start(folder: Path) -> None:
    socket = folder / "ncx.sock"
    startup = folder / "startup-cfg.xml"
    startup.write_text(_EMPTY)
    options = [
        f"--port={NETCONF_PORT}",
        f"--ncxserver-sockname={socket}",
        f"--log={folder / 'netconfd.log'}",
        "--log-level=info",
        "--with-startup=true",
        f"--superuser={NETCONF_USER}",
        f"--startup={startup}",
        *(f"--module={module}" for module in MODULES),
    ]
    # It stays in the foreground, so setsid sends it behind; its HOME is where it keeps what it would keep in ~/.yuma.
    output = folder / "netconfd.out"
    in_background = ["setsid", "--fork", "sh", "-c", 'out=$1; shift; exec "$@" >"$out" 2>&1', "sh", str(output)]
    environment = {**os.environ, "HOME": str(folder), "YUMA_MODPATH": str(OWN_MODULES)}
    namespaces.execute(MANAGEMENT, [*in_background, NETCONFD, *options], env=environment)
    wait_until(f"netconfd listens on {socket}", socket.is_socket)
    socket.chmod(0o666)  # the subsystem runs as the user who logged in
    only = f'Subsystem netconf "{SUBSYSTEM} --ncxserver-sockname={NETCONF_PORT}@{socket}"'
    openssh.start(MANAGEMENT, folder, listen=str(NC1.management.ip), port=NETCONF_PORT, user=NETCONF_USER, only=only)
