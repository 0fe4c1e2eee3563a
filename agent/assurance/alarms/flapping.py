"""Alarms that speak for what fails again and again, and the day they fall silent; the arithmetic is in `flap`."""

from datetime import datetime

from agent.assurance.alarms.alarm import Alarm, alarm_id
from agent.assurance.alarms.causes import FAILURES, FLAPPING, PROBABLE
from agent.assurance.alarms.flap import Penalty
from agent.assurance.alarms.ledger import Ledger, reopen
from agent.assurance.findings import Finding, Transition

RULE = "failed too often to be told of each time (RFC 2439)"
IT_TAKES = 3
"""Failures in a row until what they cost is too much."""
OF, RELEASE = "of", "release_at"


def damp(ledger: Ledger, alarm: Alarm, finding: Finding, observation: str) -> Alarm | None:
    """`alarm` has just failed: count it, and once it owes too much, let its flapping alarm speak for it. Gives that one."""
    if alarm.cause not in FAILURES or not alarm.stands or alarm.raised_at != finding.transition.instant:
        return None
    owed = Penalty(alarm.penalty, alarm.penalty_at).failed(finding.transition.latest)
    alarm.penalty, alarm.penalty_at = owed.points, owed.at
    ledger.touch(alarm)
    known = ledger.get(alarm_id(alarm.element, alarm.object, FLAPPING))
    if known is not None and known.stands:
        known.count, known.last_at = known.count + 1, max(known.last_at, finding.transition.latest)
        return _say(ledger, known, alarm, owed, observation, begins=False)
    if not owed.suppresses:
        return None
    return _say(ledger, _begin(ledger, known, alarm, finding.transition), alarm, owed, observation, begins=True)


def release(ledger: Ledger, flapping: Alarm) -> None:
    """It has been quiet for long enough: what it spoke for speaks for itself again. Fetch that one before."""
    ledger.close(flapping, "it owes nothing more", since=release_at(flapping).isoformat())
    spoken_for = ledger.get(str(flapping.why.get(OF, "")))
    if spoken_for is not None:
        ledger.unmute(spoken_for)


def release_at(flapping: Alarm) -> datetime:
    return Penalty(flapping.penalty, flapping.penalty_at).release_at or flapping.last_at


def _begin(ledger: Ledger, known: Alarm | None, alarm: Alarm, moment: Transition) -> Alarm:
    key = alarm_id(alarm.element, alarm.object, FLAPPING)
    flapping = known or ledger.open(
        Alarm(key, alarm.element, alarm.object, FLAPPING, "", alarm.severity, "", moment.instant, moment.latest)
    )
    if known is not None:
        reopen(known, moment.instant)
    flapping.severity, flapping.last_at, flapping.probable_cause = alarm.severity, moment.latest, PROBABLE[FLAPPING]
    flapping.count = min(alarm.count, IT_TAKES)
    return flapping


def _say(ledger: Ledger, flapping: Alarm, alarm: Alarm, owed: Penalty, observation: str, *, begins: bool) -> Alarm:
    flapping.penalty, flapping.penalty_at = owed.points, owed.at
    release = release_at(flapping).isoformat(timespec="seconds")
    flapping.text = f"{alarm.reference} is flapping: {flapping.count} failures; released at {release} unless it fails again"
    flapping.why = {**flapping.why, **({"rule": RULE} if begins else {}), OF: alarm.id, "penalty": owed.points, RELEASE: release}
    ledger.note(flapping, "raised" if begins else "updated", {"penalty": owed.points, RELEASE: release}, observation)
    ledger.tell(flapping, raised=begins)
    return flapping
