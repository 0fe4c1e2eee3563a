"""Why, continued: from the evidence that the bridge names down to alarms, observations, readings and polls."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.tables import AlarmChangeRow, AlarmRow, ObservationRow, PollRow, ProblemRow, ReadingRow, UsageBinRow
from crm_bridge import explain as bridge
from crm_bridge.errors import NothingToExplain
from crm_bridge.explain import SHOWN, Explanation
from crm_bridge.tables import TicketRow

DAEMON_KEEPS = ("alm-", "bin-", "obs-", "pll-", "prb-", "rdg-")


def explain(session: Session, object_id: str, *, shown: int = SHOWN) -> Explanation:
    """The chain behind anything: bill, line, usage, credit, violation, ticket, problem, alarm, bin. Raises `NothingToExplain`."""
    trail = Trail(session, shown)
    if object_id.startswith(DAEMON_KEEPS):
        found = trail(object_id)
        if found is None:
            raise NothingToExplain(object_id)
        return found
    return bridge.explain(session, object_id, follow=trail, shown=shown)


class Trail:
    """`crm_bridge.explain.Follow` over the tables of assurance."""

    def __init__(self, session: Session, shown: int = SHOWN) -> None:
        self._session, self._shown = session, shown
        self._tellers: Mapping[str, Callable[[str], Explanation | None]] = {
            "alm": self._alarm,
            "bin": self._bin,
            "obs": self._observation,
            "pll": self._poll,
            "prb": self._problem,
            "rdg": self._reading,
        }

    def __call__(self, object_id: str) -> Explanation | None:
        teller = self._tellers.get(object_id.partition("-")[0])
        return None if teller is None else teller(object_id)

    def _bin(self, object_id: str) -> Explanation | None:
        row = self._session.get(UsageBinRow, object_id)
        if row is None:
            return None
        facts = {"octets in": str(row.octets_in), "octets out": str(row.octets_out), "quality": row.quality}
        if row.gap_reason:
            facts["gap"] = row.gap_reason
        title = f"Bin {row.start.isoformat()} .. {row.end.isoformat()}"
        return Explanation(row.id, "usage bin", title, facts, self._all(row.readings))

    def _reading(self, object_id: str) -> Explanation | None:
        row = self._session.get(ReadingRow, object_id)
        if row is None:
            return None
        facts = {
            "octets in": str(row.octets_in),
            "octets out": str(row.octets_out),
            "sysUpTime": f"{row.uptime_ticks} ticks",
            "occasion": row.occasion,
        }
        return Explanation(row.id, "reading", f"Counters at {row.at.isoformat()}", facts, self._all([row.poll_id]))

    def _poll(self, object_id: str) -> Explanation | None:
        row = self._session.get(PollRow, object_id)
        if row is None:
            return None
        facts = {"elements": str(row.elements), "failures": str(len(row.failures))}
        for element, reason in list(row.failures.items())[: self._shown]:
            facts[f"failed: {element}"] = str(reason)
        return Explanation(row.id, "poll", f"Poll {row.started_at.isoformat()} .. {row.ended_at.isoformat()}", facts)

    def _observation(self, object_id: str) -> Explanation | None:
        row = self._session.get(ObservationRow, object_id)
        if row is None:
            return None
        where = f"{row.element}/{row.object}" if row.object else row.element
        facts = {"source": row.source, "at": row.at.isoformat(), **_plain(row.detail)}
        children = self._all([each for each in (row.detail.get("trap"), row.poll_id) if each])
        return Explanation(row.id, "observation", f"{row.finding} of {where}", facts, children)

    def _alarm(self, object_id: str) -> Explanation | None:
        row = self._session.get(AlarmRow, object_id)
        if row is None:
            return None
        facts = {
            "cause": row.cause,
            "severity": row.severity,
            "standing": row.standing,
            "raised": row.raised_at.isoformat(),
            "cleared": "not yet" if row.cleared_at is None else row.cleared_at.isoformat(),
            **_plain(row.why),
        }
        statement = select(AlarmChangeRow).where(AlarmChangeRow.alarm_id == row.id).order_by(AlarmChangeRow.id.desc())
        latest = list(self._session.scalars(statement))
        changes = tuple(self._change(change) for change in reversed(latest[: self._shown]))
        return Explanation(row.id, "alarm", row.text, facts, changes, len(latest) - len(changes))

    def _change(self, row: AlarmChangeRow) -> Explanation:
        facts = _plain({key: value for key, value in row.detail.items() if key != "observation"})
        children = self._all([row.observation_id] if row.observation_id else [])
        return Explanation(row.id, "alarm change", f"{row.change} at {row.at.isoformat()}", facts, children)

    def _problem(self, object_id: str) -> Explanation | None:
        row = self._session.get(ProblemRow, object_id)
        if row is None:
            return None
        facts = {
            "class": row.problem_class,
            "state": row.state,
            "opened": row.opened_at.isoformat(),
            "resolved": "not yet" if row.resolved_at is None else row.resolved_at.isoformat(),
            "services": ", ".join(row.evidence.get("services", [])) or "none",
        }
        alarms = self._session.scalars(select(AlarmRow.id).where(AlarmRow.problem_id == row.id).order_by(AlarmRow.id)).all()
        known = list(dict.fromkeys([*row.evidence.get("alarms", []), *alarms]))
        tickets = self._session.scalars(select(TicketRow).where(TicketRow.problem_id == row.id).order_by(TicketRow.id))
        children = [
            *self._all(known),
            *(Explanation(ticket.id, "ticket", ticket.name, {"status": ticket.status}) for ticket in tickets),
        ]
        return Explanation(row.id, "problem", f"Root cause {row.root_object}", facts, tuple(children))

    def _all(self, ids: Iterable[str]) -> tuple[Explanation, ...]:
        """What is not kept any more is named all the same."""
        return tuple(self(each) or Explanation(each, "evidence", "not kept any more", {}) for each in ids)


def _plain(detail: Mapping[str, Any]) -> dict[str, str]:
    return {key: ", ".join(map(str, value)) if isinstance(value, list) else str(value) for key, value in detail.items()}
