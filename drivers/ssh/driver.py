"""Command lines over SSH through netmiko, driven by platform data; sessions are kept in a pool."""

from drivers.errors import PlatformUnsupported
from drivers.platform import Ssh, load_platform
from drivers.pool import Pool
from drivers.port import Target
from drivers.ssh.confirmed import ConfirmedSession
from drivers.ssh.linux import LinuxShell
from drivers.ssh.session import SshSession
from drivers.ssh.shell import Shell


class SshDriver:
    """`limit` sessions per element at a time, each ended after `idle` seconds without use."""

    def __init__(self, *, limit: int = 4, idle: float = 60.0) -> None:
        self._pool: Pool[Shell | LinuxShell] = Pool(limit=limit, idle=idle)

    def open(self, target: Target, deadline: float) -> SshSession:
        platform = load_platform(target.platform)
        settings = platform.ssh
        if settings is None:
            raise PlatformUnsupported(
                target.element, f"platform {platform.name} has no command line; correct the element's endpoint"
            )
        shell = self._pool.take(target, target.element, deadline, lambda: _connect(target, settings, deadline))
        session = SshSession if settings.transaction is None else ConfirmedSession
        return session(
            target.element, platform, settings, shell, lambda: self._pool.give(target, shell, reusable=True)
        )  # fmt: skip

    def end_session(self, target: Target, session_id: str, deadline: float) -> None:
        """A command line has no id by which another could end it; the element is read again instead."""

    def close(self) -> None:
        self._pool.close()


def _connect(target: Target, settings: Ssh, deadline: float) -> Shell | LinuxShell:
    if settings.linux is not None:
        return LinuxShell.connect(target, settings, settings.linux, deadline)
    return Shell.connect(target, settings, deadline)
