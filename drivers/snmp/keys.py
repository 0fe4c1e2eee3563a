"""Keys of SNMPv3 users (RFC 3414, RFC 3826, RFC 7860): made from pass phrases, localised to engines, used to sign and to encrypt.
Pure.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from drivers.port import Credential
from drivers.snmp.ber import Span

DIGEST_OCTETS: Mapping[str, int] = {"md5": 12, "sha1": 12, "sha224": 16, "sha256": 24, "sha384": 32, "sha512": 48}
"""RFC 3414 §6 and §7, RFC 7860 §4.1."""
SALT_OCTETS = 8
_STRETCHED = 2**20
_DES_BLOCK = 8
MAX_ENGINES = 20_000
"""That keys are remembered for."""


@lru_cache(maxsize=1024)
def master_key(protocol: str, passphrase: str) -> bytes:
    """RFC 3414 A.2: a megabyte of the phrase, repeated, hashed."""
    octets = passphrase.encode()
    repeated = (octets * (_STRETCHED // len(octets) + 1))[:_STRETCHED]
    return hashlib.new(protocol, repeated, usedforsecurity=False).digest()


@lru_cache(maxsize=2 * MAX_ENGINES)
def localised(master: bytes, engine_id: bytes, protocol: str) -> bytes:
    """The key of one engine (RFC 3414 §2.6)."""
    return hashlib.new(protocol, master + engine_id + master, usedforsecurity=False).digest()


@dataclass(frozen=True, slots=True)
class Keys:
    """Of one user on one engine. Messages are signed and encrypted with them, and checked and read."""

    auth_protocol: str
    priv_protocol: str
    auth: bytes = field(repr=False)
    priv: bytes = field(repr=False)

    @classmethod
    def of(cls, credential: Credential, engine_id: bytes) -> "Keys":
        protocol = credential.auth_protocol
        auth, priv = (
            localised(master_key(protocol, phrase), engine_id, protocol) for phrase in (credential.auth_key, credential.priv_key)
        )
        return cls(protocol, credential.priv_protocol, auth, priv)

    @property
    def digest_octets(self) -> int:
        return DIGEST_OCTETS[self.auth_protocol]

    def digest(self, message: bytes) -> bytes:
        """Of a message whose digest is zeros."""
        return hmac.digest(self.auth, message, self.auth_protocol)[: self.digest_octets]

    def signed(self, message: bytes, where: Span) -> bool:
        """Whether the digest that stands in the message is theirs."""
        start, stop = where
        if stop - start != self.digest_octets:
            return False
        blank = message[:start] + bytes(stop - start) + message[stop:]
        return hmac.compare_digest(self.digest(blank), message[start:stop])

    def encrypt(self, text: bytes, boots: int, time: int, salt: bytes) -> bytes:
        padded = text if self.priv_protocol != "des" else text + bytes(-len(text) % _DES_BLOCK)
        return _through(self._cipher(boots, time, salt).encryptor(), padded)

    def decrypt(self, sealed: bytes, boots: int, time: int, salt: bytes) -> bytes:
        """Raises `ValueError` when that cannot be: a salt or a length that does not fit. DES leaves padding behind the text."""
        return _through(self._cipher(boots, time, salt).decryptor(), sealed)

    def _cipher(self, boots: int, time: int, salt: bytes) -> "Cipher[CFB | CBC]":
        if len(salt) != SALT_OCTETS:
            raise ValueError("a salt has 8 octets")
        if self.priv_protocol == "des":
            vector = bytes(one ^ other for one, other in zip(self.priv[8:16], salt, strict=True))
            return Cipher(TripleDES(self.priv[:8] * 3), CBC(vector))
        return Cipher(AES(self.priv[:16]), CFB(boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt))


def _through(context: CipherContext, octets: bytes) -> bytes:
    return context.update(octets) + context.finalize()
