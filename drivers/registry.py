"""Drivers are found by entry point, group `fabd.drivers`; the entry's name is the protocol."""

from importlib.metadata import entry_points

from drivers.errors import DriverSetupError
from drivers.port import ElementDriver

ENTRY_POINTS = "fabd.drivers"


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
