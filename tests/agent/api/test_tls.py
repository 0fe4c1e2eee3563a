"""HTTPS by settings; what is wrong with certificate or key is said before anything has begun."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from agent.api.server import ApiServer
from agent.config import ApiSettings
from agent.errors import ConfigurationError
from tests.agent.api.listening import PATIENCE_S
from tests.agent.api.office import Office
from tests.agent.api.test_server import Served

pytestmark = pytest.mark.any_database

DAY = timedelta(days=1)


class Authority:
    """A certificate of its own making, for 127.0.0.1."""

    def __init__(self, folder) -> None:
        self.certificate, self.key = folder / "fabd.pem", folder / "fabd.key"
        self._secret = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fabd")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder(name, name, self._secret.public_key(), x509.random_serial_number(), now - DAY, now + DAY)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._secret, hashes.SHA256())
        )
        self.certificate.write_bytes(made.public_bytes(Encoding.PEM))
        self.write_key()

    def write_key(self, password: bytes = b"", secret=None) -> None:
        how = BestAvailableEncryption(password) if password else NoEncryption()
        self.key.write_bytes((secret or self._secret).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))

    def settings(self) -> dict:
        return {"tls_certificate": self.certificate, "tls_key": self.key}


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def complaint(authority) -> str:
    with pytest.raises(ConfigurationError) as caught:
        ApiServer(ApiSettings(port=0, **authority.settings()))
    return str(caught.value)


@pytest.fixture
def served(database, clock, authority):
    served = Served(Office(database, clock), **authority.settings())
    yield served
    served.stop()


def test_with_certificate_and_key_it_speaks_https(served, authority):
    assert served.server.url.startswith("https://127.0.0.1:")
    trust = ssl.create_default_context(cafile=authority.certificate)
    assert httpx.get(f"{served.server.url}/-/healthy", verify=trust, timeout=PATIENCE_S, trust_env=False).text == "ok\n"


def test_then_it_speaks_nothing_else(served):
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{served.port}/-/healthy", trust_env=False)


def test_a_file_that_is_not_there_is_named_with_its_setting(authority):
    authority.key.unlink()
    assert complaint(authority).startswith(f"api.tls_key: {authority.key} is not a readable file (No such file")
    authority.certificate.unlink()
    first, second = complaint(authority).splitlines()
    assert (first.partition(":")[0], second.partition(":")[0]) == ("api.tls_certificate", "api.tls_key")


def test_a_key_of_another_certificate_is_refused(authority):
    authority.write_key(secret=ec.generate_private_key(ec.SECP256R1()))
    assert "does not belong to the certificate" in complaint(authority)


def test_an_encrypted_key_is_refused_instead_of_asking_a_terminal(authority):
    authority.write_key(b"geheim")
    assert "is encrypted, and nobody is there to type its password" in complaint(authority)


def test_what_is_no_certificate_is_refused(authority):
    authority.certificate.write_text("hello")
    assert "are no PEM certificate and key" in complaint(authority)
