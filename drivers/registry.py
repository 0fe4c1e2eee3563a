"""Drivers are found by entry point, group `fabd.drivers`; the entry's name is the protocol."""

import threading
from importlib.metadata import entry_points

from drivers.errors import DriverSetupError
from drivers.port import ElementDriver

ENTRY_POINTS = "fabd.drivers"


class Drivers:
    """One driver per protocol for as long as the program runs, so that its sessions are pooled; loaded when first asked for."""

    def __init__(self) -> None:
        self._made: dict[str, ElementDriver] = {}
        self._making = threading.Lock()

    def __call__(self, protocol: str) -> ElementDriver:
        """Always the same one. `DriverSetupError` when none is installed."""
        with self._making:
            if protocol not in self._made:
                self._made[protocol] = driver_for(protocol)
            return self._made[protocol]

    def close(self) -> None:
        """End every pooled session of every driver."""
        with self._making:
            for driver in self._made.values():
                driver.close()


def driver_for(protocol: str) -> ElementDriver:
    """A new driver for the protocol; the caller keeps it and closes it. `DriverSetupError` when none is installed."""
    found = tuple(entry_points(group=ENTRY_POINTS, name=protocol))
    if not found:
        raise DriverSetupError(
            f"no driver for protocol {protocol!r}; installed are {', '.join(protocols()) or 'none (reinstall fabd)'}. "
            f"Correct the element's endpoint or install the package that brings it (entry point group {ENTRY_POINTS})"
        )
    try:
        make = found[0].load()
    except (ImportError, AttributeError) as error:
        raise DriverSetupError(
            f"driver for {protocol} ({found[0].value}) cannot be loaded: {error}; reinstall its package"
        ) from error
    driver: ElementDriver = make()
    return driver


def protocols() -> tuple[str, ...]:
    """Protocols that have a driver, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=ENTRY_POINTS)}))
