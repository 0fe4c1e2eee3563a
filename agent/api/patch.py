"""Merge patches (RFC 7396) under the rules of a resource: what the server sets is refused, its state moves as it may. Pure."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.api.errors import BadRequest, Conflict, Detail, TooLarge
from agent.api.query import Document

MAX_BYTES = 2**20
"""Of a resource, however many patches it has had."""
IDENTITY = frozenset({"id", "href"})


@dataclass(frozen=True, slots=True)
class PatchRules:
    """What of a resource a client may change."""

    server_set: frozenset[str] = frozenset()
    """Beside `id` and `href`."""
    state: str = "state"
    """Name of the attribute that is its state."""
    transitions: Mapping[str, Collection[str]] = field(default_factory=dict)
    """State → what it may become by a client's word. Empty: it has no states, or they are not the client's to change."""
    required: frozenset[str] = frozenset()
    """What must not be taken away."""


def merged(target: object, patch: object) -> Any:  # noqa: ANN401  JSON is any
    """RFC 7396 §2. Neither is changed."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def patched(document: Document, patch: Mapping[str, Any], rules: PatchRules) -> dict[str, Any]:
    """The resource as it is to become. `BadRequest` names every attribute that is not the client's, `Conflict` a wrong step;
    `TooLarge` when it grows without end.
    """
    check_attributes(document, patch, rules)
    check_state(document, patch, rules)
    whole: dict[str, Any] = merged(document, patch)
    if len(json.dumps(whole)) > MAX_BYTES:
        raise TooLarge("resourceTooLarge", f"{document['id']} would be larger than {MAX_BYTES} bytes; take something of it away")
    return whole


def check_attributes(document: Document, patch: Mapping[str, Any], rules: PatchRules) -> None:
    refused = [
        Detail("attributeNotChangeable", f"/{pointer(name)}", f"{name!r} is set by fabd; leave it out of the patch")
        for name in patch
        if name in IDENTITY | rules.server_set or (name == rules.state and name in document and not rules.transitions)
    ]
    refused += [
        Detail("attributeRequired", f"/{pointer(name)}", f"{name!r} cannot be taken away; give it another value")
        for name in patch
        if patch[name] is None and name in rules.required
    ]
    if refused:
        raise BadRequest.of(refused)


def check_state(document: Document, patch: Mapping[str, Any], rules: PatchRules) -> None:
    if rules.state not in patch or not rules.transitions:
        return
    now, wanted = document.get(rules.state), patch[rules.state]
    states = sorted({*rules.transitions, *(state for after in rules.transitions.values() for state in after)})
    if not isinstance(wanted, str) or wanted not in states:
        raise BadRequest(
            "unknownState", f"there is no {rules.state} {wanted!r}; use one of {', '.join(states)}", pointer=f"/{rules.state}"
        )
    allowed = sorted(rules.transitions.get(str(now), ()))
    if wanted != now and wanted not in allowed:
        message = f"{document['id']} is {now} and cannot become {wanted}; it can become {', '.join(allowed) or 'nothing any more'}"
        raise Conflict("illegalTransition", message, pointer=f"/{rules.state}")


def pointer(name: str) -> str:
    """One step of a JSON pointer (RFC 6901 §3)."""
    return name.replace("~", "~0").replace("/", "~1")
