"""An IOS-like command line over SSH. Lines apply at once; an error leaves what earlier lines did, as on real boxes."""

from drivers.sim.cli.server import CliServer

__all__ = ["CliServer"]
