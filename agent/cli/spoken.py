"""What the API says to programs, in the words of the command line: commands for its paths, options for members of its bodies."""

import re
from collections.abc import Mapping

from agent.api.native.paths import ROOT
from agent.api.tmf.paths import SERVICE_INVENTORY, SERVICE_ORDERING, TROUBLE_TICKET

_SERVICE = ("service", "service list --all")
_LISTS: Mapping[str, tuple[str, str]] = {
    f"{SERVICE_ORDERING}/serviceOrder": ("order", "order list"),
    f"{SERVICE_INVENTORY}/service": _SERVICE,
    f"{TROUBLE_TICKET}/troubleTicket": ("ticket", "ticket list --all"),
    f"{ROOT}/services": _SERVICE,
    f"{ROOT}/actions": ("action", "action list --all"),
    f"{ROOT}/alarms": ("alarm", "alarm list"),
    f"{ROOT}/maintenance": ("maintenance", "maintenance list --all"),
    f"{ROOT}/problems": ("problem", "problem list --all"),
}
"""Path of a list → what one of them is called, and the command that lists them."""
_NOT_THERE = re.compile(r"there is no \w+ (?P<name>.*); list them at (?P<path>/\S+)", re.DOTALL)

_NOTED = {"note": "--note"}
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "actions": _NOTED,
    "alarms": {"comment": "the comment", "to": "--to", "for_s": "--for"},
    "bills": {"start": "--from", "end": "--to"},
    "cancel": {"occurrence": "--occurrence", "reason": "--reason"},
    "cancelServiceOrder": {"serviceOrder": "ORDER", "cancellationReason": "--reason"},
    "exclusions": {"start": "--from", "end": "--until", "reason": "REASON"},
    "freezes": {"start": "--from", "end": "--until", "reason": "REASON"},
    "items": _NOTED,
    "maintenance": {
        "start": "--from",
        "end": "--until",
        "reason": "REASON",
        "scopes": "--over",
        "rule": "--rule",
        "time_zone": "--zone",
        "notice_at": "--notice",
    },
    "plans": _NOTED,
    "report": {"period": "--period", "format": "--format"},
}
"""What is asked for → member of the body that a command makes → what the command calls it; nothing of bodies that people write."""
_FORM = "; see /docs for its form"


def sentence(text: str) -> str:
    """What is not there, with the command that lists what is."""
    found = _NOT_THERE.fullmatch(text)
    if found is None or found["path"] not in _LISTS:
        return text
    noun, command = _LISTS[found["path"]]
    return f"there is no {noun} {found['name']}; list them with `fabd {command}`"


def placed(text: str, pointer: str, asked: str) -> str:
    """A mistake with its place: `pointer` (RFC 6901, "" for none) into the body of what was asked for at the path `asked`."""
    place = pointer.removeprefix("#")
    if (option := _option(place, asked)) is not None:
        return f"{option}: {sentence(text.removeprefix(f'{place}: ').removesuffix(_FORM))}"
    return sentence(text) if not place or place in text else f"{place}: {sentence(text)}"


def _option(place: str, asked: str) -> str | None:
    member = place.removeprefix("/").partition("/")[0]
    known = (_OPTIONS[step] for step in reversed(asked.split("/")) if step in _OPTIONS)
    return next(known, {}).get(member)
