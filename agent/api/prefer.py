"""`Prefer` (RFC 7240): how a client would like to be answered. What is honoured is told in `Preference-Applied`."""

from fastapi import Request

APPLIED = "Preference-Applied"
PLAN_ONLY = "plan-only"
"""Say what an order would do, and do nothing."""
RESPOND_ASYNC = "respond-async"
"""Answer at once; the client looks later how it went (RFC 7240 §4.1)."""


def preferences(request: Request) -> dict[str, str]:
    """Name → value, "" without one; of one that stands twice the first counts (§2). Parameters are none of our business."""
    found: dict[str, str] = {}
    for line in request.headers.getlist("prefer"):
        for preference in line.split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def prefers(request: Request, wanted: str) -> bool:
    """As a preference of its own, or as `handling=…`, which is how some clients can only say it."""
    given = preferences(request)
    return wanted in given or given.get("handling", "").lower() == wanted
