"""python -m tests.lab check|up|down|status [--dir DIR]"""

# ruff: noqa: T201 - a command line talks by printing

import argparse
import sys
import time
from pathlib import Path

from tests.lab import lock, namespaces, requirements, watchdog
from tests.lab.errors import LabError
from tests.lab.lab import FOLDER, NODES, Lab


def main() -> int:
    arguments = _parser().parse_args()
    lab = Lab(arguments.dir)
    try:
        return _COMMANDS[arguments.command](lab, arguments)
    except LabError as error:
        print(f"tests.lab {arguments.command}: {error}", file=sys.stderr)
        return 1


def _check(_lab: Lab, _arguments: argparse.Namespace) -> int:
    found = requirements.missing()
    print(requirements.report(found) if found else "nothing is missing")
    return 1 if found else 0


def _up(lab: Lab, arguments: argparse.Namespace) -> int:
    start = time.monotonic()
    with lock.held():
        lab.up(lifetime=arguments.lifetime)
    print(f"up and converged after {time.monotonic() - start:.1f} s in {lab.folder}")
    return 0


def _down(lab: Lab, _arguments: argparse.Namespace) -> int:
    with lock.held():
        lab.down()
    left = lab.remains()
    print(f"left behind: {', '.join(left)}" if left else "nothing of the lab is left")
    return 1 if left else 0


def _status(lab: Lab, _arguments: argparse.Namespace) -> int:
    if not namespaces.existing():
        print("down")
        return 1
    for node in NODES:
        print(f"{node}: {' '.join(namespaces.processes(node)) or '-'}")
    faults = lab.faults()
    print("\n".join(faults) or "whole and converged")
    return 1 if faults else 0


def _watch(lab: Lab, arguments: argparse.Namespace) -> int:
    watchdog.wait(owner=arguments.owner, lifetime=arguments.lifetime)
    lab.down()  # without the lock: its holder is what has overrun its time, or is gone
    return 0


_COMMANDS = {"check": _check, "up": _up, "down": _down, "status": _status, "watch": _watch}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab",
        description="Real network elements in namespaces.",
        epilog="Several labs can stand beside each other: FABDLAB=7 in the environment names the seventh, here and for pytest.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    helps = {
        "check": "say what this machine lacks; install nothing",
        "up": "build the lab and wait for routing to converge",
        "down": "remove everything of it, leftovers of a crashed run too",
        "status": "what runs where, and what is not as it should be",
        "watch": "wait for the end of a lab's time, then take it down (started by `up`)",
    }
    for name, text in helps.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("--dir", type=Path, default=FOLDER, help=f"the lab's folder (default {FOLDER})")
        if name in {"up", "watch"}:
            command.add_argument("--lifetime", type=float, default=watchdog.LIFETIME, help="seconds until it is taken down")
        if name == "watch":
            command.add_argument("--owner", type=int, help="process whose end ends the lab")
    return parser


if __name__ == "__main__":
    sys.exit(main())
