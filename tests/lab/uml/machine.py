"""The kernel as a lab: fabd and the tests are in a management namespace of this machine, a cable of it ends in the kernel."""

import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from tests.lab import namespaces, openssh
from tests.lab.errors import LabError
from tests.lab.shell import wait_until
from tests.lab.topology import AUTONOMOUS_SYSTEM, MANAGEMENT, MANAGEMENT_ADDRESS, SITE, SSH_PORT

KERNEL = Path("/usr/bin/linux.uml")
MODULES = Path("/usr/lib/uml/modules")
PACKAGES = {"user-mode-linux": str(KERNEL), "kmod": "/usr/sbin/modprobe"}
"""Debian package → a file of it; beside what the lab of namespaces needs."""
MEMORY = "1024M"
READY_WITHIN = 300.0
"""Seconds; 25 to 40 where nothing else runs."""
SHELL = "lab-shell"
PORT_SPEED = 10_000_000_000

ADDRESSES = {"pe1": 11, "p1": 12, "pe2": 13, "ce1": 21, "ce2": 22}
PORTS = {
    "pe1": {"c-p1": "core", "cust1": "customer"},
    "p1": {"c-pe1": "core", "c-pe2": "core"},
    "pe2": {"c-p1": "core", "cust1": "customer"},
}
LINKS = (("pe1/c-p1", "p1/c-pe1"), ("p1/c-pe2", "pe2/c-p1"))


@dataclass
class Machine:
    folder: Path
    _kernel: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def up(self) -> None:
        """:raises LabError: something is missing, or the kernel did not come up; its console is in the folder."""
        absent = [package for package, file in PACKAGES.items() if not Path(file).exists()]
        if absent:
            raise LabError(f"missing: apt-get install --no-install-recommends {' '.join(absent)}")
        self._prepare()
        namespaces.create(MANAGEMENT)
        namespaces.execute(MANAGEMENT, ["ip", "tuntap", "add", "dev", "tap0", "mode", "tap"])
        namespaces.ip(MANAGEMENT, "address", "add", str(MANAGEMENT_ADDRESS), "dev", "tap0")
        namespaces.ip(MANAGEMENT, "link", "set", "tap0", "up")
        with self._console.open("ab") as console:
            self._kernel = subprocess.Popen(
                namespaces.argv_in(MANAGEMENT, self._command()), stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )  # fmt: skip
        wait_until(f"the kernel is ready; its console is {self._console}", self._ready, within=READY_WITHIN)

    def down(self) -> None:
        namespaces.delete([name for name in namespaces.existing() if name == namespaces.full_name(MANAGEMENT)])
        if self._kernel is not None:
            self._kernel.wait(10)

    # As `tests.lab.lab.Lab`, for `tests.lab.fabd.Fabd`

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        timeout: float = 60.0,
        check: bool = True,
        env: dict[str, str] | None = None,
    ) -> str:
        return namespaces.execute(node, argv, timeout=timeout, check=check, env=env).stdout

    def spawn(self, node: str, argv: Sequence[str], *, log: Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(namespaces.argv_in(node, argv), stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env)

    def inside(self, node: str) -> AbstractContextManager[None]:
        return namespaces.inside(node)

    def write_credentials(self, path: Path) -> None:
        path.touch(mode=0o600)
        path.write_text(f'[{SHELL}]\nusername = "root"\nprivate_key = "{self._key}"\n')

    @property
    def trap_listener(self) -> IPv4Address:
        return MANAGEMENT_ADDRESS.ip

    def inventory(self) -> dict[str, Any]:
        elements = [
            {
                "name": name,
                "site": SITE,
                "platform": "frr-linux",
                "role": "core" if name == "p1" else "edge",
                "endpoints": {"ssh": {"host": f"10.255.0.{ADDRESSES[name]}", "port": SSH_PORT, "credential": SHELL}},
                "ports": [{"name": port, "speed_bps": PORT_SPEED, "role": role} for port, role in ports.items()],
                "attributes": {"bgp_as": AUTONOMOUS_SYSTEM},
            }
            for name, ports in PORTS.items()
        ]
        links = [{"name": f"link{number}", "a": a, "b": b} for number, (a, b) in enumerate(LINKS)]
        return {"sites": [{"name": SITE}], "elements": elements, "links": links}

    # What tests do inside the kernel

    def within(self, node: str, *argv: str, check: bool = True) -> str:
        """The output of a program on a node of the kernel's."""
        options = ["-q", "-i", str(self._key), "-o", f"UserKnownHostsFile={self.folder / 'known_hosts'}"]
        return self.exec(MANAGEMENT, ["ssh", *options, f"root@10.255.0.{ADDRESSES[node]}", *argv], check=check)

    def reaches(self, node: str, address: str) -> bool:
        return ", 0% packet loss" in self.within(node, "ping", "-q", "-c", "2", "-i", "0.3", "-W", "2", address, check=False)

    # Building it

    def _prepare(self) -> None:
        openssh.generate_key(self._key, "fabd")
        (self.folder / "modules" / "lib").mkdir(parents=True)
        (self.folder / "modules" / "lib" / "modules").symlink_to(MODULES)
        known = []
        for node, number in ADDRESSES.items():
            folder = self.folder / node
            (folder / "bin").mkdir(parents=True)
            program = folder / "bin" / "vtysh"
            program.write_text(f'#!/bin/sh\nexec /usr/bin/vtysh -N {node} "$@"\n')
            program.chmod(0o755)
            config = openssh.root_shell(self._key, folder / "bin")
            openssh.generate_key(folder / "host_key", node)
            lines = [
                f"Port {SSH_PORT}",
                f"ListenAddress 10.255.0.{number}",
                f"HostKey {folder / 'host_key'}",
                "PidFile none",
                "UsePAM no",
            ]
            (folder / "sshd_config").write_text("\n".join([*lines, "UseDNS no", config, ""]))
            known.append(openssh.known_hosts_line(folder, f"10.255.0.{number}", SSH_PORT))
        (self.folder / "known_hosts").write_text("".join(f"{line}\n" for line in known))

    def _command(self) -> list[str]:
        return [
            str(KERNEL), f"mem={MEMORY}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
            f"init={Path(__file__).with_name('inside.sh')}", "vec0:transport=tap,ifname=tap0,depth=128",
            "con=null", "con0=null,fd:1", "con1=null", "quiet", "umid=fabd", f"uml_dir={self.folder}", f"LAB={self.folder}",
        ]  # fmt: skip

    def _ready(self) -> bool:
        if self._kernel is not None and self._kernel.poll() is not None:
            raise LabError(f"the kernel ended: {self._console.read_text(errors='replace')[-2000:]}")
        return "LAB-READY" in self._console.read_text(errors="replace")

    @property
    def _console(self) -> Path:
        return self.folder / "console.log"

    @property
    def _key(self) -> Path:
        return self.folder / "shell_key"
