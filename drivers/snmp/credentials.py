"""One credential, in the words of the two SNMP libraries. v3 when the credential has no community."""

from functools import lru_cache

from gufo.snmp import Aes128Key, DesKey, Md5Key, Sha1Key, Sha224Key, Sha256Key, Sha384Key, Sha512Key, User
from gufo.snmp.user import KeyType
from pysnmp.hlapi.v3arch.asyncio import (
    CommunityData,
    UsmUserData,
    usmAesCfb128Protocol,
    usmDESPrivProtocol,
    usmHMAC128SHA224AuthProtocol,
    usmHMAC192SHA256AuthProtocol,
    usmHMAC256SHA384AuthProtocol,
    usmHMAC384SHA512AuthProtocol,
    usmHMACMD5AuthProtocol,
    usmHMACSHAAuthProtocol,
)

from drivers.errors import AuthenticationRefused
from drivers.port import Credential, Target

MIN_PASSPHRASE = 8
"""RFC 3414 §11.2: shorter pass phrases must not be accepted."""

PYSNMP_AUTH = {
    "md5": usmHMACMD5AuthProtocol,
    "sha1": usmHMACSHAAuthProtocol,
    "sha224": usmHMAC128SHA224AuthProtocol,
    "sha256": usmHMAC192SHA256AuthProtocol,
    "sha384": usmHMAC256SHA384AuthProtocol,
    "sha512": usmHMAC384SHA512AuthProtocol,
}
PYSNMP_PRIV = {"des": usmDESPrivProtocol, "aes128": usmAesCfb128Protocol}
GUFO_AUTH = {
    "md5": Md5Key,
    "sha1": Sha1Key,
    "sha224": Sha224Key,
    "sha256": Sha256Key,
    "sha384": Sha384Key,
    "sha512": Sha512Key,
}
_GUFO_PRIV = {"des": DesKey, "aes128": Aes128Key}


def fault(credential: Credential) -> str:
    """Why this credential cannot serve SNMP, without a secret in it; "" when it can."""
    if credential.community:
        return ""
    if not credential.username:
        return f"credential {credential.reference} has neither a community (v2c) nor a user name (v3)"
    if credential.auth_protocol not in PYSNMP_AUTH:
        return f"credential {credential.reference}: unknown auth protocol {credential.auth_protocol}; use {', '.join(PYSNMP_AUTH)}"
    if credential.priv_protocol not in PYSNMP_PRIV:
        return f"credential {credential.reference}: unknown priv protocol {credential.priv_protocol}; use {', '.join(PYSNMP_PRIV)}"
    if min(len(credential.auth_key), len(credential.priv_key)) < MIN_PASSPHRASE:
        return f"credential {credential.reference}: auth_key and priv_key need at least {MIN_PASSPHRASE} characters (RFC 3414)"
    return ""


def check(target: Target) -> None:
    """AuthenticationRefused before anything is sent, when the credential cannot serve."""
    why = fault(target.credential)
    if why:
        raise AuthenticationRefused(target.element, why)


def for_pysnmp(target: Target) -> object:
    check(target)
    credential = target.credential
    if credential.community:
        return CommunityData(credential.community, mpModel=1)  # noqa: S508 - many access switches speak nothing better
    return UsmUserData(
        credential.username,
        authKey=credential.auth_key,
        privKey=credential.priv_key,
        authProtocol=PYSNMP_AUTH[credential.auth_protocol],
        privProtocol=PYSNMP_PRIV[credential.priv_protocol],
    )


@lru_cache(maxsize=1024)
def for_gufo(credential: Credential) -> User | None:
    """The v3 user with its master keys made once (a pass phrase costs a megabyte of hashing); None for v2c."""
    if credential.community:
        return None
    auth = GUFO_AUTH[credential.auth_protocol]
    return User(
        credential.username,
        auth_key=auth(auth.get_master_key(credential.auth_key.encode()), KeyType.Master),
        priv_key=_GUFO_PRIV[credential.priv_protocol](auth.get_master_key(credential.priv_key.encode()), KeyType.Master),
    )
