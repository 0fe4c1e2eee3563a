"""FRR's vtysh over SSH, as the command-line driver will meet it."""

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface

import paramiko
import pytest
from netmiko import BaseConnection, ConnectHandler
from netmiko.exceptions import ConfigInvalidException

from tests.lab.credentials import CLI
from tests.lab.lab import Lab
from tests.lab.namespaces import full_name
from tests.lab.shell import PATIENCE, wait_until
from tests.lab.topology import P1, PE1, PE2

pytestmark = pytest.mark.lab

ANNOUNCED = [
    "interface cust1",
    "description acme",
    "ip address 100.64.0.0/31",
    "ipv6 address 2001:db8:1::/127",
    "exit",
    "router bgp 65000",
    "address-family ipv4 unicast",
    "network 100.64.0.0/31",
    "exit-address-family",
    "address-family ipv6 unicast",
    "network 2001:db8:1::/127",
    "exit-address-family",
    "exit",
]
WITHDRAWN = [
    "no description" if line.startswith("description") else f"no {line}" if line.startswith(("ip", "network")) else line
    for line in ANNOUNCED
]


@pytest.fixture
def pe1(management: Lab) -> Iterator[BaseConnection]:
    login = management.credentials()[CLI]
    connection = ConnectHandler(
        device_type="cisco_ios",
        host=str(PE1.management),
        ssh_strict=True,
        alt_host_keys=True,
        alt_key_file=str(management.known_hosts),
        conn_timeout=PATIENCE,
        banner_timeout=PATIENCE,
        auth_timeout=PATIENCE,
        read_timeout_override=PATIENCE,
        **login,
    )
    with connection:
        yield connection


@pytest.fixture
def untouched(management: Lab) -> Iterator[None]:
    before = management.vtysh("pe1", "show running-config")
    yield
    assert management.vtysh("pe1", "show running-config") == before


def test_the_prompt_is_the_routers_own_name(pe1: BaseConnection) -> None:
    assert pe1.find_prompt() == "pe1#"


def test_a_host_key_that_is_not_known_is_refused(management: Lab) -> None:
    login = management.credentials()[CLI]
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        with pytest.raises(paramiko.SSHException, match="not found in known_hosts"):
            client.connect(str(PE1.management), username=login["username"], password=login["password"], look_for_keys=False)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("dialect", ["router bgp 65000", "router ospf"])
def test_the_customer_reaches_the_core_exactly_as_long_as_the_edge_announces_the_link(
    pe1: BaseConnection, management: Lab, dialect: str
) -> None:
    by_ospf = ["router ospf", "network 100.64.0.0/31 area 0", "exit"]
    announce, withdraw = ANNOUNCED, WITHDRAWN
    if dialect == "router ospf":
        announce = [*ANNOUNCED[:5], *by_ospf]
        withdraw = [*(f"no {line}" if "network" in line else line for line in by_ospf), *WITHDRAWN[:5]]
    management.attach("ce1", ip_interface("100.64.0.1/31"), ip_address("100.64.0.0"))
    try:
        assert not management.reaches("ce1", P1.loopback)
        pe1.send_config_set(announce, error_pattern=r"%.*")
        wait_until("ce1 reaches pe2's loopback", lambda: management.reaches("ce1", PE2.loopback))
        wait_until("ce1 reaches p1's loopback", lambda: management.reaches("ce1", P1.loopback))
    finally:
        pe1.send_config_set(withdraw)
        management.detach("ce1")
    assert not management.reaches("ce1", P1.loopback)


@pytest.mark.usefixtures("untouched")
def test_the_customer_reaches_the_core_over_ipv6(pe1: BaseConnection, management: Lab) -> None:
    management.attach("ce1", ip_interface("2001:db8:1::1/127"), ip_address("2001:db8:1::"))
    try:
        assert not management.reaches("ce1", PE2.loopback6)
        pe1.send_config_set(ANNOUNCED, error_pattern=r"%.*")
        wait_until("ce1 reaches pe2's loopback", lambda: management.reaches("ce1", PE2.loopback6))
    finally:
        pe1.send_config_set(WITHDRAWN)
        management.detach("ce1")


@pytest.mark.usefixtures("untouched")
def test_after_a_refused_line_the_lines_before_it_stay_and_the_session_stays_in_configuration(pe1: BaseConnection) -> None:
    with pytest.raises(ConfigInvalidException, match=re.escape("% Unknown command: ip address 100.64.0.999/31")):
        pe1.send_config_set(["interface cust1", "description half", "ip address 100.64.0.999/31"], error_pattern=r"%.*")
    assert pe1.find_prompt() == "pe1(config-if)#"
    assert "description half" in pe1.send_command("do show running-config")
    pe1.send_config_set(["interface cust1", "no description"])


@pytest.mark.usefixtures("untouched")
def test_configuration_of_an_interface_that_does_not_exist_is_accepted(pe1: BaseConnection) -> None:
    pe1.send_config_set(["interface nosuch0", "ip address 100.64.9.0/31"], error_pattern=r"%.*")
    assert "pseudo interface" in pe1.send_command("show interface nosuch0")
    pe1.send_config_set(["interface nosuch0", "no ip address 100.64.9.0/31", "no interface nosuch0"])


def test_saving_prints_a_warning_and_saves(pe1: BaseConnection, management: Lab) -> None:
    said = pe1.send_command("write memory")
    assert "% Warning: can't chown configuration file" in said
    assert f"Integrated configuration saved to /etc/frr/{full_name('pe1')}/frr.conf" in said
    assert "router bgp 65000" in management.exec("pe1", ["cat", f"/etc/frr/{full_name('pe1')}/frr.conf"])
