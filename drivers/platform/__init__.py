"""Platforms are data: what a kind of element can realise, and how its configuration language behaves.

A platform is a folder with a `platform.yaml`. It is found among the ones shipped here (`drivers/platforms/<name>`), by entry
point in group `fabd.platforms` (the value names a package that holds the file), or in a folder of the operator's own.
"""

from drivers.platform.finding import Platforms, load_platform, platforms
from drivers.platform.kind import Platform
from drivers.platform.lines import LineRule, LineRules, SectionRule
from drivers.platform.netconf import Netconf, PortRequest
from drivers.platform.ssh import Linux, Ssh
from drivers.platform.toggle import Toggle
from drivers.platform.transaction import Transaction
from drivers.platform.trees import XmlRules
from drivers.platform.uses import UseRule

__all__ = [
    "LineRule",
    "LineRules",
    "Linux",
    "Netconf",
    "Platform",
    "Platforms",
    "PortRequest",
    "SectionRule",
    "Ssh",
    "Toggle",
    "Transaction",
    "UseRule",
    "XmlRules",
    "load_platform",
    "platforms",
]
