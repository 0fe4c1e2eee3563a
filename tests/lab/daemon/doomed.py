"""Daemons that die at points of the journal, one after the other: `python -m tests.lab.daemon.doomed CONFIG`.

As `tests.agent.chaos.fate`, which see for the script they follow; with the operator's own products, and for one configuration.
"""

import gc
import sys
from pathlib import Path

from drivers.platform import load_platform, platforms
from drivers.registry import driver_for, protocols
from tests.agent.chaos.fate import keep_alive


def main() -> None:
    for protocol in protocols():
        driver_for(protocol).close()
    for platform in platforms():
        load_platform(platform)
    gc.freeze()  # so that no child copies all of it by counting its references
    config = Path(sys.argv[1])
    keep_alive(config, config.parent)


if __name__ == "__main__":
    main()
