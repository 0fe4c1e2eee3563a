"""TLS as the settings ask for it."""

import ssl
from collections.abc import Iterator
from pathlib import Path

from agent.config import ApiSettings
from agent.errors import ConfigurationError


def server_context(settings: ApiSettings) -> ssl.SSLContext | None:
    """None for plain HTTP. Raises `ConfigurationError` naming setting, file and remedy."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None or key is None:
        return None
    if missing := [*_unreadable("api.tls_certificate", certificate), *_unreadable("api.tls_key", key)]:
        raise ConfigurationError(missing)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except _Encrypted:
        raise ConfigurationError(
            [f"api.tls_key: {key} is encrypted, and nobody is there to type its password; store it without one, mode 0600"]
        ) from None
    except ssl.SSLError as error:
        raise ConfigurationError([_wrong(certificate, key, error)]) from None
    return context


def _unreadable(setting: str, file: Path) -> Iterator[str]:
    try:
        file.open("rb").close()
    except OSError as error:
        yield f"{setting}: {file} is not a readable file ({error.strerror}); create it or correct the path"


def _wrong(certificate: Path, key: Path, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"api.tls_key: {key} does not belong to the certificate in {certificate}; name the key that it was made with"
    return f"api.tls_certificate: {certificate} and {key} are no PEM certificate and key: {error.reason}; convert them"


class _Encrypted(Exception):
    pass


def _no_password() -> str:
    raise _Encrypted
