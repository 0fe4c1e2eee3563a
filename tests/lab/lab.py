"""The lab as one object: up, down, and what tests do to it in between."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path
from typing import Any

from tests.lab import (
    cables,
    frr,
    instance,
    inventory,
    lldp,
    namespaces,
    netconfd,
    netsnmp,
    openssh,
    requirements,
    shared,
    syslog,
    users,
    watchdog,
)
from tests.lab.credentials import CLI_USER, Credentials
from tests.lab.errors import LabError
from tests.lab.shell import PATIENCE, wait_until
from tests.lab.topology import (
    CABLES,
    HOST_PORT,
    HOSTS,
    LEAVES,
    MANAGEMENT,
    MANAGEMENT_ADDRESS,
    NC1,
    NETCONF_PORT,
    ROUTERS,
    SSH_PORT,
    Router,
    cable_at,
    ends_of,
)

FOLDER = Path(instance.FOLDER)
NODES = (MANAGEMENT, CABLES, *(router.name for router in ROUTERS), *HOSTS)
_MARKER = "is-fabd-lab"  # a folder without it is somebody else's and is never removed
_FRR_MEMORY = "crash-logs"
_SHELL_KEY = "shell_key"


class Lab:
    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder

    def up(self, *, owner: int | None = None, lifetime: float = watchdog.LIFETIME) -> None:
        """Build the lab, unless it is whole already, and wait until routing has converged.

        The watchdog takes it down after `lifetime` seconds, or as soon as the process `owner` ends.

        :raises LabError: requirements are missing, a part did not start, or routing did not converge. What was built
            stays for inspection, until `down`.
        """
        if not self.faults():
            return
        if missing := requirements.missing():
            raise LabError("the lab cannot be built here:\n" + requirements.report(missing))
        self.down()
        before = os.umask(0o022)  # FRR's daemons and sshd read as other users what is written here
        try:
            self._make_folder()
            self._create_nodes()
            watchdog.start(self.folder, owner=owner, lifetime=lifetime)
            self._start_elements()
        finally:
            os.umask(before)
        self.until_converged()

    def down(self) -> None:
        """Remove everything of the lab, whatever state a run left it in. Nothing of it being there is fine.

        :raises LabError: something could not be removed; the others were not tried.
        """
        namespaces.delete(namespaces.existing())
        frr.clean(self.folder / _FRR_MEMORY)
        with shared.alone():
            users.remove()
            if not shared.others(instance.NAME):
                _clean_shared()
        if (self.folder / _MARKER).exists():
            shutil.rmtree(self.folder)

    def faults(self) -> list[str]:
        """What is not as it should be, in words; empty when the lab is whole and routing has converged."""
        there = namespaces.existing()
        absent = [node for node in NODES if namespaces.full_name(node) not in there]
        if absent:
            return [f"{node}: no namespace" for node in absent]
        stopped = [line for node, expected in _processes().items() for line in _not_running(node, expected)]
        return stopped or list(_missing_neighbours())

    def until_converged(self) -> None:
        """:raises NotReady: with what is not as it should be."""
        wait_until("OSPF and BGP have converged in the lab", lambda: not any(_missing_neighbours()), seen=self.faults)

    def remains(self) -> list[str]:
        """What of the lab is on this machine, healthy or not; empty after `down`."""
        folders = [self.folder] if shared.others(instance.NAME) else [self.folder, shared.FOLDER]
        return [*namespaces.existing(), *users.left(), *frr.left(), *(str(folder) for folder in folders if folder.exists())]

    # What tests do

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        timeout: float = PATIENCE,
        check: bool = True,
        env: dict[str, str] | None = None,
    ) -> str:
        """The standard output of a program that ran to its end on a node.

        :raises CommandFailed: it ended with an error (only with `check`), or ran longer than `timeout` seconds.
        """
        return namespaces.execute(node, argv, timeout=timeout, check=check, env=env).stdout

    def spawn(self, node: str, argv: Sequence[str], *, log: Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A program that goes on running on a node (the daemon, say); both its outputs go to `log`.

        Signals to it reach the program itself: each step of entering the node replaces the one before.
        """
        with log.open("ab") as output:
            return subprocess.Popen(namespaces.argv_in(node, argv), stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env)

    def inside(self, node: str) -> AbstractContextManager[None]:
        """Let this thread and what it starts live on a node: its sockets are that node's."""
        return namespaces.inside(node)

    def vtysh(self, router: str, *commands: str) -> str:
        return frr.vtysh(router, *commands)

    def link_down(self, node: str, port: str) -> None:
        """Unplug the cable at a port: both ends lose their carrier and stay administratively up."""
        cables.unplug(cable_at(node, port))

    def link_up(self, node: str, port: str) -> None:
        cables.plug(cable_at(node, port))

    @contextmanager
    def swallowing(self, node: str, port: str, percent: int = 100) -> Iterator[None]:
        """A silent fault: what goes into the cable at a port is lost, while both ends keep their carrier."""
        cable = cable_at(node, port)
        cables.swallow(cable, percent)
        try:
            yield
        finally:
            cables.carry(cable)

    @contextmanager
    def switched_off(self, router: Router) -> Iterator[None]:
        """Take the power from a router: it comes back with its saved configuration, and counts from 0 everywhere."""
        laid = [cable_at(router.name, end.port) for end in ends_of(router.name)]
        try:
            with self.without_management(router.name):
                for cable in laid:
                    cables.unplug(cable)
                namespaces.end([namespaces.full_name(router.name)])
                namespaces.ip(router.name, "address", "flush", "dev", "lo", "scope", "global")
                try:
                    yield
                finally:
                    cables.replace_ports(router.name)
                    for cable in laid:
                        cables.plug(cable)
        finally:
            # a bridge forwards a moment after its port is up, and the first thing that an agent says is that it has started
            wait_until(f"{router.name} is managed again", lambda: self.reaches(router.name, MANAGEMENT_ADDRESS.ip))
            self._boot(router)

    def say(self, router: Router, *told: str, inform: bool = False, auth_key: str = "") -> bool:
        """Have a router send an SNMPv3 notification, as `netsnmp.say`."""
        return netsnmp.say(router, self._secrets(), *told, inform=inform, auth_key=auth_key)

    def starts(self, router: Router) -> int:
        """How often a router's agent has started."""
        return netsnmp.engine_time(router, self._secrets())[0]

    @contextmanager
    def paused(self, router: str, daemon: str) -> Iterator[None]:
        """Stop one of FRR's daemons where it is (SIGSTOP): vtysh waits at the first line that is for it."""
        pid = frr.pid(router, daemon)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def without_management(self, router: str) -> Iterator[None]:
        """Take a router's leg out of the management network: it goes on forwarding, and answers nobody there."""
        namespaces.ip(MANAGEMENT, "link", "set", f"m-{router}", "down")
        try:
            yield
        finally:
            namespaces.ip(MANAGEMENT, "link", "set", f"m-{router}", "up")

    def join(self, host: str, address: IPv4Interface) -> None:
        """Give a customer's host an address of the customer's own network."""
        namespaces.ip(host, "address", "replace", str(address), "dev", HOST_PORT)

    def attach(self, host: str, address: IPv4Interface | IPv6Interface, gateway: IPv4Address | IPv6Address) -> None:
        """Give a customer's host its half of the link prefix and send all it has to the edge."""
        family = f"-{address.version}"
        namespaces.ip(host, "address", "replace", str(address), "dev", HOST_PORT)
        namespaces.ip(host, family, "route", "replace", "default", "via", str(gateway))

    def detach(self, host: str) -> None:
        """Take every address from a customer's host, and with them its routes."""
        namespaces.ip(host, "address", "flush", "dev", HOST_PORT, "scope", "global")

    def reaches(self, host: str, address: IPv4Address | IPv6Address) -> bool:
        """Whether one of two echo requests, a second each at most, is answered."""
        ping = ["ping", "-q", "-c", "2", "-i", "0.2", "-W", "1", str(address)]
        return namespaces.execute(host, ping, check=False).returncode == 0

    # What fabd is told

    def inventory(self) -> dict[str, Any]:
        return inventory.document()

    def credentials(self) -> dict[str, dict[str, str]]:
        """Credential reference → the fields of `drivers.port.Credential` it stands for."""
        return self._secrets().by_reference()

    def write_credentials(self, path: Path) -> None:
        """The same, as the daemon's credentials file."""
        self._secrets().write_for_fabd(path)

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def trap_listener(self) -> IPv4Address:
        return MANAGEMENT_ADDRESS.ip

    # Building it

    def _make_folder(self) -> None:
        if self.folder.exists() and any(self.folder.iterdir()):
            raise LabError(f"{self.folder} is not empty and not a folder of the lab; name another with --dir")
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        (self.folder / _MARKER).touch()
        for node in (*(router.name for router in ROUTERS), NC1.name):
            (self.folder / node).mkdir()

    def _create_nodes(self) -> None:
        for node in (MANAGEMENT, *(router.name for router in ROUTERS), *HOSTS):
            namespaces.create(node)
        namespaces.ip(MANAGEMENT, "link", "add", "br0", "type", "bridge")
        for address in (MANAGEMENT_ADDRESS, NC1.management):
            namespaces.ip(MANAGEMENT, "address", "add", str(address), "dev", "br0")
        namespaces.ip(MANAGEMENT, "link", "set", "br0", "up")
        for each in ROUTERS:
            self._manage(each)
        cables.lay()

    def _manage(self, each: Router) -> None:
        cables.connect(each.name, "mgmt0", MANAGEMENT, f"m-{each.name}")
        namespaces.ip(MANAGEMENT, "link", "set", f"m-{each.name}", "master", "br0")
        namespaces.ip(each.name, "address", "add", f"{each.management}/24", "dev", "mgmt0")

    def _start_elements(self) -> None:
        key = self.folder / _SHELL_KEY
        openssh.generate_key(key, "fabd")
        secrets = Credentials.drawn(key)
        secrets.write(self.folder / "secrets.json")
        with shared.alone():  # as are the files of users
            users.create(secrets)
            for program in (openssh, lldp, frr):
                program.prepare()
        known = []
        for each in ROUTERS:
            folder = self.folder / each.name
            syslog.install(folder)
            frr.install(each, folder)
            netsnmp.install(each, secrets, folder)
            lldp.install(each, folder)
            if each in LEAVES:
                frr.write_program(each.name, folder / "bin")
            self._boot(each)
            known.append(openssh.known_hosts_line(folder, str(each.management), SSH_PORT))
        netconfd.start(self.folder / NC1.name)
        known.append(openssh.known_hosts_line(self.folder / NC1.name, str(NC1.management.ip), NETCONF_PORT))
        self.known_hosts.write_text("".join(line + "\n" for line in known))

    def _boot(self, each: Router) -> None:
        folder = self.folder / each.name
        syslog.start(each, folder)
        netsnmp.start(each, folder)
        lldp.start(each, folder)
        frr.start(each, folder, self.folder / _FRR_MEMORY)
        self._open_a_door(each, folder)

    def _open_a_door(self, each: Router, folder: Path) -> None:
        if each in LEAVES:
            key = self.folder / _SHELL_KEY
            user, only = "root", openssh.root_shell(key, folder / "bin")
        else:
            user, only = CLI_USER, f"ForceCommand {frr.log_in_command(each.name)}"
        openssh.start(each.name, folder, listen=str(each.management), port=SSH_PORT, user=user, only=only)

    def _secrets(self) -> Credentials:
        return Credentials.read(self.folder / "secrets.json")


def _clean_shared() -> None:
    frr.clean_shared()
    openssh.clean()
    lldp.clean()
    shared.forget()


def _missing_neighbours() -> Iterator[str]:
    """One router after the other: who waits looks no further than the first, for each look is work that routing waits for."""
    return (line for router in ROUTERS for line in frr.missing_neighbours(router))


def _processes() -> dict[str, set[str]]:
    of_router = {*frr.DAEMONS, "snmpd", "sshd", "lldpd", "rsyslogd"}
    return {MANAGEMENT: {"netconfd", "sshd"}, **{router.name: of_router for router in ROUTERS}}


def _not_running(node: str, expected: set[str]) -> list[str]:
    running = namespaces.processes(node)
    return [f"{node}: {name} does not run" for name in sorted(expected) if name not in running]
