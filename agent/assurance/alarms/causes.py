"""Which alarms there are: causes, what findings do to them, and what they say (X.733, RFC 8632, TMF642).

An alarm is the state of (element, object, cause, qualifier). `ledger` raises and clears them, `board` keeps those of failures.
"""

from collections.abc import Mapping
from types import MappingProxyType

from agent.assurance.findings import AlarmType, Finding, FindingKind, Meaning
from policies.values import Severity

LINK_DOWN, LINK_SILENT, UNREACHABLE, FLAPPING = "linkDown", "linkSilent", "elementUnreachable", "flapping"
UNASKED = "unasked"
"""Why an element is unreachable that could not even be asked: its credential is missing."""
LOW_WATERMARK, DRIFT = "lowWatermark", "configurationDrift"
FAILURES = frozenset({LINK_DOWN, LINK_SILENT, UNREACHABLE})
"""Causes that correlation knows; the others speak for themselves (`agent.assurance.alarms.conditions`)."""
PROBABLE: Mapping[str, str] = MappingProxyType(
    {
        LINK_DOWN: "lossOfSignal",
        LINK_SILENT: "communicationsSubsystemFailure",
        UNREACHABLE: "lossOfCommunication",
        FLAPPING: "excessiveRetransmissionRate",
        LOW_WATERMARK: "resourceAtOrNearingCapacity",
        DRIFT: "configurationOrCustomizationError",
    }
)
"""Cause → X.733's (X.721's) probable cause."""


MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {
        FindingKind.LINK_DOWN: Meaning(LINK_DOWN, raises=True),
        FindingKind.LINK_UP: Meaning(LINK_DOWN, raises=False),
        FindingKind.LINK_SILENT: Meaning(LINK_SILENT, raises=True),
        FindingKind.LINK_PASSES: Meaning(LINK_SILENT, raises=False),
        FindingKind.UNREACHABLE: Meaning(UNREACHABLE, raises=True, severity=Severity.CRITICAL),
        FindingKind.REACHABLE: Meaning(UNREACHABLE, raises=False),
        FindingKind.POOL_LOW: Meaning(LOW_WATERMARK, raises=True, severity=Severity.MINOR, type=AlarmType.QUALITY),
        FindingKind.POOL_ENOUGH: Meaning(LOW_WATERMARK, raises=False),
        FindingKind.DRIFTED: Meaning(DRIFT, raises=True, severity=Severity.MINOR, type=AlarmType.PROCESSING),
        FindingKind.IN_SYNC: Meaning(DRIFT, raises=False),
    }
)


def meaning_of(finding: Finding) -> Meaning | None:
    """Its own, or what its kind stands for; None for what changes no alarm."""
    return finding.meaning or MEANINGS.get(finding.kind)


def text_of(finding: Finding, meaning: Meaning) -> str:
    if meaning.cause not in FAILURES or meaning.cause == LINK_SILENT:
        return str(finding.detail["text"])
    if meaning.cause == UNREACHABLE:
        verb = "cannot be asked" if finding.detail.get("reason") == UNASKED else "does not answer"
        return f"{finding.element} {verb}: {finding.detail.get('detail' if verb == 'cannot be asked' else 'reason', 'no answer')}"
    state = finding.detail.get("operStatus", "down")
    by_hand = ", shut by configuration" if finding.detail.get("adminStatus") == "down" else ""
    return f"{finding.element}/{finding.object} is {state}{by_hand}"
