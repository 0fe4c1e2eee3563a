"""How a service test is put into a platform's words, and what its answer means. Pure.

A platform writes `ping[ vrf {vrf}] {address} repeat 3`: arguments in braces, and in brackets what is said only when all of its
arguments are given. An argument is one plain word, so that none can end the command and begin another, or be taken for an option.
"""

import re

from drivers.port import Check, CheckOutcome, CheckResult, PortState

ARGUMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}", re.ASCII)
"""Addresses, prefixes, and names of ports and VRFs."""
LONGEST_DETAIL = 300
"""Characters of an answer that are worth telling."""

_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_PLACE = re.compile(r"\{(\w+)\}")


def words(template: str, check: Check) -> str:
    """The command or request that asks for the test. `ValueError` tells which argument is missing or cannot be said."""
    for name, value in check.arguments.items():
        if not ARGUMENT.fullmatch(value):
            raise ValueError(f"{name} is {value!r}, which is no plain word")
    given = {name: value for name, value in check.arguments.items() if value}
    chosen = _OPTIONAL.sub(lambda part: part[1] if set(_PLACE.findall(part[1])) <= given.keys() else "", template)
    missing = [name for name in _PLACE.findall(chosen) if name not in given]
    if missing:
        raise ValueError(f"it needs {', '.join(missing)}")
    return _PLACE.sub(lambda place: given[place[1]], chosen)


def passed(check: Check) -> CheckResult:
    return CheckResult(check, CheckOutcome.PASSED)


def failed(check: Check, answer: str) -> CheckResult:
    return CheckResult(check, CheckOutcome.FAILED, told(answer))


def unsupported(check: Check, platform: str) -> CheckResult:
    return CheckResult(check, CheckOutcome.UNSUPPORTED, f"platform {platform} does not say how to ask for {check.kind}")


def of_port(check: Check, port: PortState) -> CheckResult:
    """Of kind `interface`."""
    if port.exists and port.up:
        return passed(check)
    return failed(check, f"port {port.name} {'is down' if port.exists else 'does not exist'}")


def told(answer: str) -> str:
    """The end of an answer in one line: what it comes to is said last."""
    lines = " / ".join(line.strip() for line in answer.splitlines() if line.strip())
    return lines if len(lines) <= LONGEST_DETAIL else f"… {lines[-LONGEST_DETAIL:]}"
