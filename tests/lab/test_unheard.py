"""What netconfd reads together with the hello it leaves lie until it reads something more."""

import time

import pytest

from drivers.netconf import rpc
from drivers.netconf.client import Client
from drivers.netconf.wire import DrivenSession
from drivers.port import Credential, Target
from tests.lab.credentials import NETCONF
from tests.lab.lab import Lab
from tests.lab.topology import NC1, NETCONF_PORT

pytestmark = pytest.mark.lab
PATIENCE_S = 120


def test_a_request_that_arrives_with_the_hello_is_answered(management: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    send, held = DrivenSession._send, [b""]

    def hello_with_the_first_request(session: DrivenSession, data: bytes, deadline: float) -> None:
        if not held[0]:
            held[0] = data
        else:
            monkeypatch.setattr(DrivenSession, "_send", send)
            send(session, held[0] + data, deadline)

    login = management.credentials()[NETCONF]
    credential = Credential(NETCONF, login["username"], login["password"])
    target = Target(NC1.name, "ietf", "netconf", str(NC1.management.ip), NETCONF_PORT, credential, management.known_hosts)
    monkeypatch.setattr(DrivenSession, "_send", hello_with_the_first_request)
    deadline = time.monotonic() + PATIENCE_S
    client = Client.connect(target, deadline)
    try:
        first, second = (client.request(rpc.get_config("running", ""), deadline) for _ in range(2))
        assert rpc.data(first) == rpc.data(second)
    finally:
        client.end()
