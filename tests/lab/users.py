"""The two system users of the lab: log-ins exist for sshd only, own nothing, and go with the lab."""

import grp
import pwd

from tests.lab.credentials import CLI_USER, NETCONF_USER, Credentials
from tests.lab.shell import run

_GROUPS = {CLI_USER: ["frrvty", "frr"], NETCONF_USER: []}  # vtysh and the routers' configuration folders


def create(credentials: Credentials) -> None:
    for user, groups in _GROUPS.items():
        if not _exists(user):
            more = ["--groups", ",".join(groups)] if groups else []
            nobody = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/sh"]
            run(["useradd", "--system", "--user-group", *more, *nobody, user])
    passwords = {CLI_USER: credentials.cli_password, NETCONF_USER: credentials.netconf_password}
    run(["chpasswd"], stdin="".join(f"{user}:{password}\n" for user, password in passwords.items()))


def remove() -> None:
    for user in _GROUPS:
        if _exists(user):
            run(["userdel", user])


def left() -> list[str]:
    known = {entry.pw_name for entry in pwd.getpwall()} | {entry.gr_name for entry in grp.getgrall()}
    return sorted(known & set(_GROUPS))


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
