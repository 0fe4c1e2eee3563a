"""The errors that a command tells in their own words.

Told apart by the names of their roots: to load every package for one of them would take longer than most commands do.
"""

KNOWN = frozenset(
    {
        "agent.cli.errors.CliError",
        "agent.errors.AgentError",
        "agent.authoring.errors.AuthoringError",
        "agent.security.errors.SecurityError",
        "agent.fulfillment.errors.FulfilmentError",
        "agent.measurement.errors.MeasurementError",
        "crm_bridge.errors.BridgeError",
        "inventory.errors.InventoryError",
        "policies.errors.PolicyError",
        "drivers.errors.ElementError",
        "drivers.errors.DriverSetupError",
        "drivers.probing.errors.ProbingError",
        "drivers.sim.errors.SimError",
    }
)
"""Roots of errors whose text is for the person who typed the command."""
DATABASE = frozenset({"sqlalchemy.exc.SQLAlchemyError"})


def is_one_of(error: Exception, roots: frozenset[str]) -> bool:
    return any(f"{kind.__module__}.{kind.__qualname__}" in roots for kind in type(error).__mro__)
