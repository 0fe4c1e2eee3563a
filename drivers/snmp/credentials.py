"""One credential, in the words of pysnmp. v3 when the credential has no community."""

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
