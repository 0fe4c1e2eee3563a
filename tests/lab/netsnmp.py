"""net-snmp's agent on one router: SNMPv2c and v3 (SHA-1, AES-128, authPriv), linkDown and linkUp traps, AgentX for FRR."""

import os
from pathlib import Path

from tests.lab import namespaces
from tests.lab.credentials import SNMP_USER, Credentials
from tests.lab.topology import MANAGEMENT_ADDRESS, SITE, SNMP_PORT, TRAP_PORT, TRAP_V3_PORT, Router

SNMPD = "/usr/sbin/snmpd"
SNMPTRAP = "/usr/bin/snmptrap"
SNMPGET = "/usr/bin/snmpget"
SNMPSET = "/usr/bin/snmpset"
_CONFIG, _STATE = "snmpd.conf", "snmp-state"
_PATIENT = ["-r", "5", "-t", "10"]  # it asks again so often, after so many seconds
_PERIOD = 1  # seconds between two looks of the agent at its own ifOperStatus
_LOCAL = "local"  # a community for the agent's own host, good for one object
_CACHE_TIMEOUT = ".1.3.6.1.4.1.8072.1.5.3.1.2"  # nsCacheTimeout, NET-SNMP-AGENT-MIB; seconds
_IF_TABLE = ".1.3.6.1.2.1.2.2"
_ENGINE_BOOTS, _ENGINE_TIME = ".1.3.6.1.6.3.10.2.1.2.0", ".1.3.6.1.6.3.10.2.1.3.0"  # RFC 3411

# Debian ships no IF-MIB text, so every object is a number. RFC 2863: linkDown, linkUp carry ifIndex, ifAdminStatus and
# ifOperStatus; ifName is added because it is what people call the port.
_LINK_OBJECTS = "-o .1.3.6.1.2.1.2.2.1.1 -o .1.3.6.1.2.1.2.2.1.7 -o .1.3.6.1.2.1.2.2.1.8 -o .1.3.6.1.2.1.31.1.1.1.1"
_LINK_DOWN = ".1.3.6.1.6.3.1.1.5.3"
_LINK_UP = ".1.3.6.1.6.3.1.1.5.4"
_OPER_STATUS = ".1.3.6.1.2.1.2.2.1.8"


def configuration(router: Router, secrets: Credentials) -> str:
    keys = f"SHA {secrets.auth_key} AES {secrets.priv_key}"
    session_keys = f"-a SHA -A {secrets.auth_key} -x AES -X {secrets.priv_key}"
    engine = router.engine_id.hex()
    return f"""\
agentaddress udp:{router.management}:{SNMP_PORT},udp:127.0.0.1:{SNMP_PORT}
exactEngineID 0x{engine}
sysName {router.name}
sysLocation {SITE}
rocommunity {secrets.community}
createUser {SNMP_USER} {keys}
rouser {SNMP_USER} priv
view cache included {_CACHE_TIMEOUT}
rwcommunity {_LOCAL} 127.0.0.1 -V cache
createUser internal {keys}
iquerySecName internal
rouser internal
master agentx
agentXSocket tcp:127.0.0.1:705
trap2sink {MANAGEMENT_ADDRESS.ip}:{TRAP_PORT} {secrets.community}
trapsess -v 3 -e 0x{engine} -u {SNMP_USER} -l authPriv {session_keys} {MANAGEMENT_ADDRESS.ip}:{TRAP_V3_PORT}
notificationEvent linkUpTrap {_LINK_UP} {_LINK_OBJECTS}
notificationEvent linkDownTrap {_LINK_DOWN} {_LINK_OBJECTS}
monitor -r {_PERIOD} -S -e linkUpTrap linkUp {_OPER_STATUS} != 2
monitor -r {_PERIOD} -S -e linkDownTrap linkDown {_OPER_STATUS} == 2
"""


def install(router: Router, secrets: Credentials, folder: Path) -> None:
    config = folder / _CONFIG
    config.touch(mode=0o600)
    config.write_text(configuration(router, secrets))
    (folder / _STATE).mkdir()


def start(router: Router, folder: Path) -> None:
    """Start the agent; it returns once its sockets are open. Its engine counts its starts.

    What it remembers is read like its configuration, so both folders are named: an agent that forgets its starts (as with -C) says
    after a restart what is older than its last words before it, and RFC 3414 forbids to believe that.
    """
    state = folder / _STATE
    environment = {**os.environ, "MIBS": "", "SNMPCONFPATH": f"{folder}:{state}", "SNMP_PERSISTENT_DIR": str(state)}
    options = ["-Lf", str(folder / "snmpd.log"), "-p", str(folder / "snmpd.pid"), "-r"]
    namespaces.execute(router.name, [SNMPD, *options], env=environment)
    _look_every_second(router)


def say(router: Router, secrets: Credentials, *told: str, inform: bool = False, auth_key: str = "") -> bool:
    """Send a notification over SNMPv3 with `snmptrap`: trap OID, then object, type and value of each. Whether it was sent, or,
    of an inform, whether it was acknowledged. `auth_key`: another one than the agent's own.

    A trap says the time of the agent's engine; `snmptrap` would say the machine's, and what the agent says later would be too old.
    """
    keys = ["-l", "authPriv", "-a", "SHA", "-A", auth_key or secrets.auth_key, "-x", "AES", "-X", secrets.priv_key]
    own = ["-e", f"0x{router.engine_id.hex()}", "-Z", ",".join(map(str, engine_time(router, secrets)))]
    patience = ["-r", "5", "-t", "2"] if auth_key else _PATIENT  # whom nobody believes, nobody answers
    kind = ["-Ci", *patience] if inform else own
    to = f"{MANAGEMENT_ADDRESS.ip}:{TRAP_V3_PORT}"
    argv = [SNMPTRAP, "-v3", "-m", "", *kind, "-u", SNMP_USER, *keys, to, "", *told]
    return namespaces.execute(router.name, argv, env={**os.environ, "MIBS": ""}, check=False).returncode == 0


def engine_time(router: Router, secrets: Credentials) -> tuple[int, int]:
    """How often the agent has started, and the seconds since it last did (snmpEngineBoots, snmpEngineTime)."""
    asked = [*_PATIENT, f"127.0.0.1:{SNMP_PORT}", _ENGINE_BOOTS, _ENGINE_TIME]
    argv = [SNMPGET, "-v2c", "-c", secrets.community, "-m", "", "-Oqv", *asked]
    boots, seconds = namespaces.execute(router.name, argv, env={**os.environ, "MIBS": ""}).stdout.split()
    return int(boots), int(seconds)


def _look_every_second(router: Router) -> None:
    """The agent reads interfaces afresh every 3 s, and there is no configuration line for that, only this object."""
    new = [f"{_CACHE_TIMEOUT}{_IF_TABLE}", "i", str(_PERIOD)]
    namespaces.execute(router.name, [SNMPSET, "-v2c", "-c", _LOCAL, "-m", "", *_PATIENT, f"127.0.0.1:{SNMP_PORT}", *new])
