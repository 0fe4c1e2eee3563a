"""The one maintenance calendar: when work is announced, and what it is about.

Suppression of alarms asks what holds an object now (`Calendar`), objectives and bills ask what was over a service (`over`), and
both are answered from the same windows. Which of them a contract lets count is the contract's own affair (`policies.maintenance`).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from inventory.errors import InvalidMaintenance, MaintenanceOver, UnknownObject
from inventory.reach import Scope, reaches, sites_of
from inventory.recurrence import Recurrence, recurrence, zone
from inventory.surroundings import Surroundings
from inventory.tables import ElementRow, MaintenanceRow, MaintenanceScopeRow, ServiceRow, SiteRow
from policies.values import Interval, merge, new_id

ScopeKind = Literal["element", "port", "site", "service", "customer"]
KINDS: tuple[ScopeKind, ...] = get_args(ScopeKind)
LONGEST = timedelta(days=31)
"""Of one window: one that somebody forgot must not silence alarms for ever."""
MOST_SCOPES = 500
MOST_REASON = 500
"""Characters."""


@dataclass(frozen=True, slots=True)
class NewMaintenance:
    """`rule` and `time_zone` say when it comes again (RFC 5545); `start` and `end` are the first time."""

    start: datetime
    end: datetime
    reason: str
    scopes: tuple[Scope, ...]
    rule: str = ""
    time_zone: str = "UTC"
    notice_at: datetime | None = None
    """When those affected were told; now, where it is left out."""


@dataclass(frozen=True, slots=True)
class Window:
    """One occurrence, as far as it was not called off."""

    maintenance_id: str
    span: Interval
    notice_at: datetime
    recorded_at: datetime
    """When it was written down. What had begun by then is a record, and excuses nothing."""
    author: str
    reason: str
    scopes: frozenset[Scope] = field(repr=False)


class Calendar:
    """What is open at one instant, looked up once for many questions; in one transaction, and no longer than it."""

    def __init__(self, session: Session, at: datetime) -> None:
        self._session = session
        self._open = [window for window in windows(session, Interval(at, at + timedelta(microseconds=1))) if at in window.span]
        self._sites: dict[str, frozenset[str]] | None = None

    def holding(self, element: str, port: str = "", services: Iterable[str] = ()) -> list[Window]:
        """The windows over an element (or its port), or over any of these services; the one that ends last comes first.

        A window over an element or its site holds its ports too. A window over a port does not hold the element.
        """
        if not self._open:
            return []
        scopes = {Scope("element", element), *(Scope("site", name) for name in self._sites_of(element))}
        if port:
            scopes.add(Scope("port", f"{element}/{port}"))
        wanted = tuple(services)
        if wanted and any(scope.kind in {"service", "customer"} for window in self._open for scope in window.scopes):
            owners = self._session.execute(select(ServiceRow.id, ServiceRow.customer).where(ServiceRow.id.in_(wanted)))
            scopes |= {scope for service, customer in owners for scope in (Scope("service", service), Scope("customer", customer))}
        held = [window for window in self._open if window.scopes & scopes]
        return sorted(held, key=lambda window: (window.span.end, window.maintenance_id), reverse=True)

    def _sites_of(self, element: str) -> frozenset[str]:
        """Of the element's site and those above it; looked up only while there is a window over a site."""
        if not any(scope.kind == "site" for window in self._open for scope in window.scopes):
            return frozenset()
        if self._sites is None:
            above = sites_of(self._session)
            rows = self._session.execute(select(ElementRow.name, ElementRow.site_id))
            self._sites = {name: above[site] for name, site in rows}
        return self._sites.get(element, frozenset())


def holding(session: Session, element: str, port: str, services: Iterable[str], at: datetime) -> list[Window]:
    """As `Calendar.holding`, for a single question."""
    return Calendar(session, at).holding(element, port, services)


def windows(session: Session, span: Interval) -> list[Window]:
    """Every occurrence that lies in `span`, wholly or in part, in order."""
    found = [window for row in session.scalars(_touching(span)) for window in occurrences(row, span)]
    return sorted(found, key=lambda window: (window.span, window.maintenance_id))


def over(session: Session, services: Collection[str], span: Interval) -> dict[str, list[Window]]:
    """Service (id) → the windows that it falls under, by itself, its customer, or what it runs over; absent where there is none."""
    known = windows(session, span) if services else []
    if not known:
        return {}
    found = {each.service_id: [window for window in known if window.scopes & each.scopes] for each in reaches(session, services)}
    return {service_id: held for service_id, held in found.items() if held}


def occurrences(row: MaintenanceRow, span: Interval) -> Iterator[Window]:
    """Of one entry. An occurrence that was under way when the entry was cancelled ends there."""
    scopes = frozenset(Scope(scope.kind, scope.name) for scope in row.scopes)
    skipped = {datetime.fromisoformat(text) for text in row.skipped}
    for each in _times(row, span):
        end = each.end if row.cancelled_at is None else min(each.end, max(each.start, row.cancelled_at))
        if each.start not in skipped and each.start < end and Interval(each.start, end).intersect(span):
            yield Window(row.id, Interval(each.start, end), row.notice_at, row.created_at, row.created_by, row.reason, scopes)


def next_window(row: MaintenanceRow, at: datetime) -> Interval | None:
    """The occurrence that goes on at `at` or comes next."""
    for span in (Interval(at, at + timedelta(days=400)), Interval(at, at + timedelta(days=366 * 9))):
        found = next(occurrences(row, span), None)
        if found is not None:
            return found.span
    return None


def announce(session: Session, new: NewMaintenance, at: datetime, *, by: str) -> MaintenanceRow:
    """Write a window into the calendar; one that has begun already is kept as a record.

    `InvalidMaintenance` names everything that cannot be meant, `UnknownObject` what is not there.
    """
    wrong = list(_mistakes(new, at))
    if wrong:
        raise InvalidMaintenance(wrong)
    repeats = _recurrence(new)
    for scope in new.scopes:
        _must_be_there(session, scope)
    row = MaintenanceRow(
        id=new_id("mnt", at),
        reason=new.reason.strip(),
        start=new.start,
        end=new.end,
        rule="" if repeats is None else repeats.rule,
        time_zone=new.time_zone,
        until=new.end if repeats is None else repeats.last,
        skipped=[],
        notice_at=new.notice_at or at,
        created_at=at,
        created_by=by,
        cancelled_at=None,
        scopes=[MaintenanceScopeRow(kind=kind, name=name) for kind, name in sorted({(s.kind, s.name) for s in new.scopes})],
    )
    session.add(row)
    session.flush()
    return row


def cancel(session: Session, maintenance_id: str, at: datetime, *, by: str, reason: str = "") -> MaintenanceRow:
    """From now on nothing of it happens: what goes on ends, what has been stays. `UnknownObject`, or `MaintenanceOver`."""
    row = _locked(session, maintenance_id)
    if row.cancelled_at is not None:
        raise MaintenanceOver(row.id, f"was cancelled at {row.cancelled_at.isoformat(timespec='seconds')} by {row.cancelled_by}")
    if row.until is not None and row.until <= at:
        raise MaintenanceOver(row.id, f"ended at {row.until.isoformat(timespec='seconds')}")
    row.cancelled_at, row.cancelled_by, row.cancel_reason = at, by, reason
    session.flush()
    return row


def skip(session: Session, maintenance_id: str, start: datetime, at: datetime) -> MaintenanceRow:
    """Call off the one occurrence that begins at `start`, before it does."""
    row = _locked(session, maintenance_id)
    planned = [window.span.start for window in occurrences(row, Interval(start, start + timedelta(microseconds=1)))]
    if start not in planned:
        following = next_window(row, max(start, at))
        hint = f"; the next one begins at {following.start.isoformat(timespec='seconds')}" if following else ""
        raise UnknownObject(
            "occurrence", f"{maintenance_id} at {start.isoformat(timespec='seconds')}", f"give the start of one{hint}"
        )
    if start <= at:
        raise MaintenanceOver(row.id, f"began at {start.isoformat(timespec='seconds')}, and what has begun is not called off")
    row.skipped = sorted({*row.skipped, start.isoformat()})
    session.flush()
    return row


def union(found: Iterable[Window]) -> list[Interval]:
    """Windows that overlap count once."""
    return merge(window.span for window in found)


def _times(row: MaintenanceRow, span: Interval) -> Iterator[Interval]:
    first = Interval(row.start, row.end)
    return Recurrence(first, row.rule, row.time_zone).within(span) if row.rule else iter([first])


def _touching(span: Interval) -> Select[MaintenanceRow]:
    return (
        select(MaintenanceRow)
        .where(
            MaintenanceRow.start < span.end,
            or_(MaintenanceRow.until.is_(None), MaintenanceRow.until > span.start),
            or_(MaintenanceRow.cancelled_at.is_(None), MaintenanceRow.cancelled_at > span.start),
        )
        .order_by(MaintenanceRow.start, MaintenanceRow.id)
    )


def _mistakes(new: NewMaintenance, at: datetime) -> Iterator[tuple[str, str]]:
    """JSON pointer and sentence."""
    if new.end <= new.start:
        yield "/end", "the window ends before it starts, or is empty; give an end after the start"
    elif new.end - new.start > LONGEST:
        yield "/end", f"a window lasts {LONGEST.days} days at the most; announce several"
    if not new.reason.strip() or len(new.reason) > MOST_REASON:
        yield "/reason", f"a reason of 1 to {MOST_REASON} characters is needed: whoever asks why nobody was called reads it"
    if not 1 <= len(new.scopes) <= MOST_SCOPES:
        yield "/scopes", f"name what is worked on, 1 to {MOST_SCOPES} of {', '.join(KINDS)}"
    if new.notice_at is not None and new.notice_at > at:
        yield "/notice_at", "notice cannot have been given in the future; leave it out when it is given now"
    try:
        zone(new.time_zone)
    except ValueError as error:
        yield "/time_zone", str(error)
        return
    if new.rule and new.end > new.start:
        try:
            _recurrence(new)
        except ValueError as error:
            yield "/rule", str(error)


def _recurrence(new: NewMaintenance) -> Recurrence | None:
    return recurrence(Interval(new.start, new.end), new.rule, new.time_zone) if new.rule else None


def _must_be_there(session: Session, scope: Scope) -> None:
    """Customers are not of the inventory; who knows them asks."""
    network = Surroundings(session)
    match scope.kind:
        case "element":
            network.element(scope.name)
        case "port":
            network.port(scope.name)
        case "site" if session.scalar(select(SiteRow.id).where(SiteRow.name == scope.name)) is None:
            raise UnknownObject("site", scope.name)
        case "service" if session.get(ServiceRow, scope.name) is None:
            raise UnknownObject("service", scope.name, "list them with `fabd inventory show services`")


def _locked(session: Session, maintenance_id: str) -> MaintenanceRow:
    statement = select(MaintenanceRow).where(MaintenanceRow.id == maintenance_id).with_for_update()
    row = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise UnknownObject("maintenance", maintenance_id, "list the windows with `fabd maintenance list --all`")
    return row
