"""User-based security of one user: HMAC-SHA-1-96 (RFC 3414) and AES-128 in CFB mode (RFC 3826)."""

import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

DIGEST_SIZE = 12
SALT_SIZE = 8
_STRETCHED = 1_048_576
_AES_KEY = 16


class UserKeys:
    """Keys of one user localised to one engine. Nothing of them shows in `repr`."""

    __slots__ = ("_auth", "_priv", "_salt")

    def __init__(self, auth: str, priv: str, engine_id: bytes) -> None:
        self._auth = localise(auth, engine_id)
        self._priv = localise(priv, engine_id)[:_AES_KEY]
        self._salt = int.from_bytes(os.urandom(SALT_SIZE), "big")

    def digest(self, message: bytes) -> bytes:
        """Over the whole message with zeros where the digest goes."""
        return hmac.digest(self._auth, message, "sha1")[:DIGEST_SIZE]

    def authentic(self, message: bytes, digest: bytes) -> bool:
        return hmac.compare_digest(self.digest(message), digest)

    def next_salt(self) -> bytes:
        """Never the same twice under one key."""
        self._salt = (self._salt + 1) % 2**64
        return self._salt.to_bytes(SALT_SIZE, "big")

    def encrypt(self, plain: bytes, boots: int, time: int, salt: bytes) -> bytes:
        encryptor = self._cipher(boots, time, salt).encryptor()
        return encryptor.update(plain) + encryptor.finalize()

    def decrypt(self, sealed: bytes, boots: int, time: int, salt: bytes) -> bytes:
        decryptor = self._cipher(boots, time, salt).decryptor()
        return decryptor.update(sealed) + decryptor.finalize()

    def _cipher(self, boots: int, time: int, salt: bytes) -> Cipher[CFB]:
        vector = boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt
        return Cipher(AES(self._priv), CFB(vector))


def localise(passphrase: str, engine_id: bytes) -> bytes:
    """Passphrase to key (RFC 3414 appendix A.2.2)."""
    key = _stretch(passphrase)
    return hashlib.sha1(key + engine_id + key, usedforsecurity=True).digest()  # noqa: S324 - what RFC 3414 prescribes


@lru_cache(maxsize=32)
def _stretch(passphrase: str) -> bytes:
    secret = passphrase.encode()
    repeated = (secret * (_STRETCHED // len(secret) + 1))[:_STRETCHED]
    return hashlib.sha1(repeated, usedforsecurity=True).digest()  # noqa: S324 - what RFC 3414 prescribes
