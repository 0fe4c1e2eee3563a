"""One sshd per element, with a host key of its own, that lets one user do one thing, or root have a shell by key."""

from pathlib import Path

from tests.lab import namespaces, shared
from tests.lab.errors import LabError
from tests.lab.shell import run

PRIVILEGE_SEPARATION = Path("/run/sshd")  # compiled into Debian's sshd; systemd makes it where sshd is a service
SSHD = "/usr/sbin/sshd"
_MADE = "made-for-sshd"


def generate_key(path: Path, comment: str) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def root_shell(key: Path, programs: Path) -> str:
    """The lines of sshd_config that give root a shell for the owner of a key, with `programs` before all others.

    Without a home, so that it is the shell of the lab and not of whoever set up this machine.
    """
    return f"""\
PermitRootLogin prohibit-password
AuthorizedKeysFile {key}.pub
StrictModes no
SetEnv PATH={programs}:/usr/sbin:/usr/bin:/sbin:/bin HOME=/nonexistent"""


def start(node: str, folder: Path, *, listen: str, port: int, user: str, only: str) -> None:
    """Serve `listen`:`port` inside a node until the node goes; `only` is what of sshd_config confines `user`.

    Its host key is made once, and is the same after a restart.

    :raises CommandFailed: sshd refused its configuration or the address.
    """
    key = folder / "host_key"
    if not key.exists():
        generate_key(key, node)
    config = folder / "sshd_config"
    config.write_text(f"""\
Port {port}
ListenAddress {listen}
HostKey {key}
PidFile none
UsePAM no
UseDNS no
PasswordAuthentication yes
KbdInteractiveAuthentication no
AllowUsers {user}
AllowTcpForwarding no
X11Forwarding no
PrintMotd no
PrintLastLog no
MaxStartups 50
MaxSessions 50
{only}
PermitRootLogin no
""")
    namespaces.execute(node, [SSHD, "-f", str(config), "-E", str(folder / "sshd.log")])


def known_hosts_line(folder: Path, host: str, port: int) -> str:
    kind, key, *_ = (folder / "host_key.pub").read_text().split()
    name = host if port == 22 else f"[{host}]:{port}"
    return f"{name} {kind} {key}"


def prepare() -> None:
    """Make sshd's compiled-in folder if this machine has none."""
    shared.note(_MADE, [PRIVILEGE_SEPARATION])
    PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)


def clean() -> None:
    """Remove what `prepare` made, unless an sshd of somebody else has come to need it."""
    if shared.made(_MADE) and PRIVILEGE_SEPARATION.is_dir() and not _others():
        try:
            PRIVILEGE_SEPARATION.rmdir()
        except OSError as error:
            raise LabError(f"{PRIVILEGE_SEPARATION} was made by the lab but is not empty: {error}") from error


def _others() -> bool:
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text() == "sshd\n":
                return True
        except OSError:  # it ended while we looked
            continue
    return False
