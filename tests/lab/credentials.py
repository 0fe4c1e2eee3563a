"""Throwaway secrets, drawn anew for every lab: a known password must never open this machine's own sshd."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.lab import instance
from tests.lab.topology import ROUTERS

CLI_USER = f"{instance.NAME}-cli"
NETCONF_USER = f"{instance.NAME}-nc"
SNMP_USER = "monitor"

CLI = "lab-cli"
NETCONF = "lab-netconf"
SHELL = "lab-shell"
SNMP_V2C = "lab-snmp-v2c"


def snmp_v3(router: str) -> str:
    """One reference per router: the keys are the same, the engine whose traps they open is not."""
    return f"lab-snmp-{router}"


@dataclass(frozen=True)
class Credentials:
    cli_password: str = field(repr=False)
    netconf_password: str = field(repr=False)
    community: str = field(repr=False)
    auth_key: str = field(repr=False)
    priv_key: str = field(repr=False)
    shell_key: str
    """Path of the private key that opens the leaves' shells."""

    @classmethod
    def drawn(cls, shell_key: Path) -> "Credentials":
        cli, netconf, community, auth, priv = (secrets.token_hex(12) for _ in range(5))
        return cls(cli, netconf, community, auth, priv, str(shell_key))

    @classmethod
    def read(cls, path: Path) -> "Credentials":
        return cls(**json.loads(path.read_text()))

    def write(self, path: Path) -> None:
        _write_privately(path, json.dumps(asdict(self)))

    def write_for_fabd(self, path: Path) -> None:
        """The credentials file of the daemon: TOML, one table per reference, readable by its owner only."""
        tables = [
            "".join([f"[{reference}]\n", *(f'{key} = "{value}"\n' for key, value in fields.items())])
            for reference, fields in self.by_reference().items()
        ]
        _write_privately(path, "\n".join(tables))

    def by_reference(self) -> dict[str, dict[str, str]]:
        """What each credential reference of the lab's inventory stands for, in the fields of `drivers.port.Credential`."""
        keys = {"auth_protocol": "sha1", "auth_key": self.auth_key, "priv_protocol": "aes128", "priv_key": self.priv_key}
        return {
            CLI: {"username": CLI_USER, "password": self.cli_password},
            NETCONF: {"username": NETCONF_USER, "password": self.netconf_password},
            SHELL: {"username": "root", "private_key": self.shell_key},
            SNMP_V2C: {"community": self.community},
            **{snmp_v3(router.name): {"username": SNMP_USER, **keys, "engine_id": router.engine_id.hex()} for router in ROUTERS},
        }


def _write_privately(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
