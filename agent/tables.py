"""Every table of every package, in one place: what migrations and tests see."""

import agent.actions.tables
import agent.api.tables
import agent.assurance.collectors.tables
import agent.assurance.history.tables
import agent.assurance.tables
import agent.fulfillment.tables
import agent.measurement.tables
import agent.security.tables
import crm_bridge.tables
import inventory.tables
from inventory.db import Base

metadata = Base.metadata

__all__ = ["agent", "crm_bridge", "inventory", "metadata"]
