"""The service level report in words: every number here is in every format."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from agent.assurance.levels.slareport import OutageLine, ServiceReport
from agent.reports.document import Part, Report, Table
from policies.maintenance import Counted
from policies.values import Interval, total
from policies.verdicts import CHRONIC, Verdict


def sla_report(reports: Sequence[ServiceReport], at: datetime) -> Report:
    made = f"{len(reports)} service{'' if len(reports) == 1 else 's'}, made {at:%Y-%m-%d %H:%M:%S} UTC"
    return Report("Service level report", made, [_Words(each).part() for each in reports])


class _Words:
    """Of one service; times are on the wall clock of its contract, each with its offset."""

    def __init__(self, report: ServiceReport) -> None:
        self._report = report
        self._zone = ZoneInfo(report.time_zone)

    def part(self) -> Part:
        report = self._report
        tables = (self._objectives(), self._outages(), self._unknown(), self._maintenance(), self._exclusions(), self._credits())
        return Part(f"{report.name} ({report.service_id})", tuple(self._facts()), tables)

    def _facts(self) -> Iterator[tuple[str, str]]:
        report = self._report
        yield "customer", f"{report.customer_name} ({report.customer})"
        yield "agreement", report.agreement
        yield "SLA", report.sla
        yield "period", f"{self._at(report.period.start)} .. {self._at(report.period.end)}"
        yield "known up to", "the end of the period" if report.is_final else f"{self._at(report.until)} (the period goes on)"
        yield "unknown time", report.unknown_counts
        yield "budget", f"{_span(report.budget)} of downtime, {_span(report.spent)} spent"
        if report.breach_at is not None:
            verb = "missed since" if report.breach_at <= report.until else "will be missed, if things go on, at"
            yield "availability", f"{verb} {self._at(report.breach_at)}"

    def _objectives(self) -> Table:
        columns = ("objective", "promised", "measured", "agreed time", "lost", "unknown", "verdict")
        return Table(
            "Objectives", columns, tuple(_objective(each, final=self._report.is_final) for each in self._report.objectives)
        )

    def _outages(self) -> Table:
        columns = ("from", "to", "began between", "lasted", "counted", "not counted", "cause", "problem", "tickets")
        return Table("Outages", columns, tuple(map(self._outage, self._report.outages)), "There was no outage.")

    def _outage(self, outage: OutageLine) -> tuple[str, ...]:
        bounds = "" if outage.earliest == outage.latest else f"{self._at(outage.earliest)} .. {self._at(outage.latest)}"
        return (
            self._at(outage.span.start),
            f"{self._at(outage.span.end)}{' (goes on)' if outage.open else ''}",
            bounds,
            _span(outage.span.duration),
            _span(outage.counted),
            ", ".join(map(self._interval, outage.excluded)),
            outage.cause,
            outage.problem_id or "",
            ", ".join(outage.ticket_ids),
        )

    def _unknown(self) -> Table:
        rows = tuple((self._at(each.start), self._at(each.end), _span(each.duration)) for each in self._report.unknown)
        return Table(
            f"Unknown time ({self._report.unknown_counts})", ("from", "to", "length"), rows, "All agreed time was measured."
        )

    def _maintenance(self) -> Table:
        columns = ("window", "announced", "not counted as agreed time", "remark", "entry")
        return Table("Maintenance", columns, tuple(map(self._window, self._report.maintenance)), "There was no maintenance.")

    def _window(self, counted: Counted) -> tuple[str, ...]:
        window = counted.maintenance
        return (
            self._interval(window.window),
            self._at(window.announced_at),
            _span(total(counted.taken)),
            counted.because,
            window.id,
        )

    def _exclusions(self) -> Table:
        rows = tuple((self._interval(each.span), each.kind, each.reason, each.author, each.id) for each in self._report.exclusions)
        return Table("Excused time", ("time", "kind", "reason", "author", "entry"), rows, "No time was excused.")

    def _credits(self) -> Table:
        rows = tuple((each.rule, f"{each.amount:.2f} {each.currency}", each.reason, each.id) for each in self._report.credits)
        empty = "No credit was granted." if self._report.is_final else "Credits are granted when the period is over."
        return Table("Credits", ("objective", "amount", "reason", "credit"), rows, empty)

    def _at(self, instant: datetime) -> str:
        """With fractions of a second where there are any."""
        local = instant.astimezone(self._zone)
        return local.isoformat(sep=" ", timespec="milliseconds" if local.microsecond else "seconds")

    def _interval(self, interval: Interval) -> str:
        return f"{self._at(interval.start)} .. {self._at(interval.end)}"


def _objective(verdict: Verdict, *, final: bool) -> tuple[str, ...]:
    time = verdict.time
    kept = "kept" if verdict.kept else "missed"
    state = kept if final else f"{kept} so far"
    if time is not None:
        numbers = (_percent(verdict.measured), _span(time.agreed), _span(time.down), _span(time.unknown))
    elif verdict.rule == CHRONIC:
        numbers = (f"{verdict.measured or 0} outages", "", "", "")
    else:
        numbers = (_percent(verdict.measured), f"{verdict.cases} cases", f"{verdict.cases - verdict.in_time} late", "")
    promised = f"fewer than {verdict.objective} outages" if verdict.rule == CHRONIC else _percent(verdict.objective)
    return (verdict.rule, promised, *numbers, state)


def _percent(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value.normalize():f} %"


def _span(span: timedelta) -> str:
    """Days, hours, minutes and seconds; exact to the microsecond."""
    seconds, micro = divmod(span // timedelta(microseconds=1), 10**6)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{micro:06d}".rstrip("0") if micro else ""
    return f"{hours}:{minutes:02d}:{seconds:02d}{fraction}"
