from importlib.metadata import EntryPoint

import pytest

from drivers import registry
from drivers.errors import DriverSetupError
from drivers.netconf.driver import NetconfDriver
from drivers.ssh.driver import SshDriver


@pytest.mark.parametrize(("protocol", "driver"), [("netconf", NetconfDriver), ("ssh", SshDriver)])
def test_drivers_are_found_by_protocol(protocol: str, driver: type) -> None:
    found = registry.driver_for(protocol)
    assert isinstance(found, driver)
    found.close()


def test_an_unknown_protocol_is_refused_with_the_installed_ones() -> None:
    with pytest.raises(DriverSetupError, match=r"no driver for protocol 'telnet'; installed are .*netconf"):
        registry.driver_for("telnet")


def test_a_driver_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda group, name: [EntryPoint(name, "no_such_package:Driver", group)])
    with pytest.raises(DriverSetupError, match="no_such_package:Driver"):
        registry.driver_for("netconf")


def test_a_program_has_one_driver_per_protocol_so_that_sessions_are_pooled() -> None:
    drivers = registry.Drivers()
    assert drivers("netconf") is drivers("netconf")
    assert drivers("ssh") is not drivers("netconf")
    drivers.close()
