"""How early faults are seen, and how often where there is none: fabd's rules beside plain thresholds, on series of known faults.

Weeks of five-minute values are made with their daily and weekly waves, noise, gaps and things that look like faults and are none;
some get a fault. Recorded series (`bench.record`) are real delays and losses with faults made on purpose. Each series is walked
through in time as the daemon would see it: nothing knows what comes later.

An alarm is right when it stands while the fault does. Lead is how long before the impact the first right one came. Thresholds are
those that people set: 90 % utilisation, one error a second, 1.5 times the usual delay, 1 % loss, 1 dB above the receiver's limit.
"""

import argparse
import csv
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from bench.record import Disturbance, script
from bench.report import Report
from policies.detection.baseline import DAY, HOUR, WEEK, Baseline, learn
from policies.detection.judgement import judge
from policies.detection.rules import Rule, Threshold, parse_rules
from policies.detection.series import Floats, Series

STEP = 300
WEEKS = 5
MONDAY = 4 * DAY
WEEKDAYS = 5
MISSED = 0.005
"""Share of the polls that nobody answered."""
RULES = Path("policies/foresight/network.yaml")
RECORDED = Path("bench/recorded/delay-and-loss.csv")
SHOWN_TO_RULE = 24
"""Points that a rule other than a trend is shown: more than any looks at."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Unix seconds; `impact` is when somebody suffers."""

    begin: float
    impact: float
    end: float


@dataclass(frozen=True, slots=True)
class Case:
    kind: str
    metric: str
    series: Series
    plain: Threshold
    falling: bool = False
    fault: Fault | None = None


@dataclass
class Score:
    faults: int = 0
    seen: int = 0
    right: int = 0
    wrong: int = 0
    leads: list[float] = field(default_factory=list)
    """Hours; negative when it came after the impact."""

    @property
    def precision(self) -> float | None:
        told = self.right + self.wrong
        return self.right / told if told else None

    @property
    def recall(self) -> float | None:
        return self.seen / self.faults if self.faults else None

    @property
    def lead(self) -> float | None:
        return statistics.median(self.leads) if self.leads else None


def wave(chance: np.random.Generator, low: float, high: float, weekend: float) -> Floats:
    """Busy by day; from Monday 00:00 on."""
    hours = np.arange(WEEKS * WEEK // STEP) * STEP / HOUR
    shape = (1 + np.sin((hours - chance.uniform(7, 11)) / 24 * 2 * np.pi)) / 2
    shape = np.where(hours // 24 % 7 >= WEEKDAYS, shape * weekend, shape)
    return low + (high - low) * shape


def noisy(chance: np.random.Generator, values: Floats, share: float) -> Floats:
    """Neighbours are alike, as real ones are; some polls are missed."""
    raw = chance.normal(0, 1, len(values))
    noise = np.convolve(raw, np.array([0.5, 0.3, 0.2]), mode="same")
    found = values + noise * share * np.maximum(np.abs(values), 1e-9)
    found[chance.random(len(values)) < MISSED] = np.nan
    gap = chance.integers(0, len(values) - 24)
    found[gap : gap + 24] = np.nan
    return found


def _instant(chance: np.random.Generator, first: float = 0.2, last: float = 0.6) -> int:
    """A point in the last week."""
    return int((WEEKS - 1 + chance.uniform(first, last)) * WEEK / STEP)


def _at(point: float) -> float:
    return MONDAY + point * STEP


def utilisation(chance: np.random.Generator, *, faulty: bool) -> Case:
    """Grows until busy hours are full; or has a backup once, or a holiday."""
    values = wave(chance, chance.uniform(0.05, 0.15), chance.uniform(0.4, 0.6), chance.uniform(0.4, 1.0))
    if not faulty:
        backup, holiday = _instant(chance), int((WEEKS - 1) * WEEK / STEP)
        values[backup : backup + 12] += 0.25
        values[holiday : holiday + DAY // STEP] *= 0.5
        return _case("healthy utilisation", "utilisation_ratio", noisy(chance, values, 0.05), Threshold(raise_at=0.9, clear_at=0.8))
    begin, full = 2 * WEEK // STEP, _instant(chance, 0.5, 0.9)
    growth = np.maximum(0, np.arange(len(values)) - begin) / (full - begin)
    values *= 1 + growth * (0.97 / values.max() - 1)
    fault = Fault(_at(begin), _at(full), _at(len(values)))
    return _case("growth", "utilisation_ratio", noisy(chance, values, 0.05), Threshold(raise_at=0.9, clear_at=0.8), fault)


def silence(chance: np.random.Generator, *, faulty: bool) -> Case:
    """A part of what runs over a port is gone; the port is up."""
    values = wave(chance, chance.uniform(0.1, 0.2), chance.uniform(0.3, 0.6), chance.uniform(0.4, 1.0))
    limits = Threshold(raise_at=0.001, clear_at=0.01)
    if not faulty:
        return _case("healthy traffic", "utilisation_ratio", noisy(chance, values, 0.05), limits, falling=True)
    begin = _instant(chance)
    values[begin : begin + 72] *= 0.1
    fault = Fault(_at(begin), _at(begin), _at(begin + 72))
    return _case("traffic gone", "utilisation_ratio", noisy(chance, values, 0.05), limits, fault, falling=True)


def errors(chance: np.random.Generator, *, faulty: bool) -> Case:
    """Grow from next to none until the link is of no use; a healthy one has single bursts."""
    values = np.abs(chance.normal(0, chance.uniform(0.0005, 0.003), WEEKS * WEEK // STEP))
    for _ in range(6):
        values[chance.integers(0, len(values))] = chance.uniform(0.5, 5)
    limits = Threshold(raise_at=1.0, clear_at=0.1)
    if not faulty:
        return _case("healthy errors", "errors_per_second", noisy(chance, values, 0.01), limits)
    begin = _instant(chance)
    length = int(chance.uniform(12, 48) * HOUR / STEP)
    impact = min(begin + length, len(values) - 1)
    values[begin:impact] += 0.005 * np.exp(np.linspace(0, np.log(4000), impact - begin))
    values[impact:] += 20
    return _case(
        "errors grow", "errors_per_second", noisy(chance, values, 0.01), limits, Fault(_at(begin), _at(impact), _at(len(values)))
    )


def delay(chance: np.random.Generator, *, faulty: bool) -> Case:
    """Queues or a longer way: a step, then growth until the promise is broken."""
    base = chance.uniform(0.004, 0.02)
    values = wave(chance, base, base * chance.uniform(1.1, 1.3), 0.6)
    limits = Threshold(raise_at=base * 1.5, clear_at=base * 1.35)
    if not faulty:
        return _case("healthy delay", "delay_s", noisy(chance, values, 0.01), limits)
    begin = _instant(chance)
    impact = min(begin + int(chance.uniform(6, 24) * HOUR / STEP), len(values) - 1)
    values[begin:impact] += np.linspace(0.15, 1.0, impact - begin) * base
    values[impact:] += base
    return _case("delay grows", "delay_s", noisy(chance, values, 0.01), limits, Fault(_at(begin), _at(impact), _at(len(values))))


def optics(chance: np.random.Generator, *, faulty: bool) -> Case:
    """A connector or a laser that fails slowly; a healthy one breathes with the temperature and may have stepped once."""
    values = wave(chance, -18.0, -17.6, 1.0) + chance.uniform(-3, 1)
    limits = Threshold(raise_at=-27.0, clear_at=-26.0)
    if not faulty:
        values[_instant(chance) :] -= 1.0
        return _case("healthy optics", "receive_power_dbm", noisy(chance, values, 0.002), limits, falling=True)
    begin, impact = int((WEEKS - 2.2) * WEEK / STEP), _instant(chance, 0.5, 0.9)
    fall = np.maximum(0, np.arange(len(values)) - begin) / (impact - begin)
    values -= fall * (values[begin] + 28.0)
    fault = Fault(_at(begin), _at(impact), _at(len(values)))
    return _case("optics fail", "receive_power_dbm", noisy(chance, values, 0.002), limits, fault, falling=True)


def _case(kind: str, metric: str, values: Floats, plain: Threshold, fault: Fault | None = None, *, falling: bool = False) -> Case:
    return Case(kind, metric, Series(MONDAY, STEP, values), plain, falling, fault)


Maker = Callable[..., Case]
MAKERS: tuple[Maker, ...] = (utilisation, silence, errors, delay, optics)


def generated(each: int) -> Iterator[Case]:
    """So many with a fault of each kind, and as many without."""
    for number, maker in enumerate(MAKERS):
        for count in range(each):
            for faulty in (False, True):
                yield maker(np.random.default_rng([number, count, int(faulty)]), faulty=faulty)


def recorded(file: Path = RECORDED) -> Iterator[Case]:
    """A second of the recording is taken for a point of five minutes."""
    rows: dict[int, list[dict[str, str]]] = defaultdict(list)
    with file.open(encoding="ascii", newline="") as lines:
        for row in csv.DictReader(lines):
            rows[int(row["flow"])].append(row)
    for number, flow in rows.items():
        done = script(number, len(flow))
        delays = np.array([float(row["delay_us"]) / 1e6 for row in flow])
        usual = float(np.nanmedian(delays[: len(delays) // 2]))
        plain = Threshold(raise_at=usual * 1.5, clear_at=usual * 1.35)
        slowed = [each for each in done if each.delay_s]
        yield Case("recorded delay", "delay_s", Series(MONDAY, STEP, delays), plain, fault=_made(slowed))
        losses = np.array([float(row["loss_ratio"]) for row in flow])
        dropped = [each for each in done if each.loss]
        plain = Threshold(raise_at=0.01, clear_at=0.005)
        yield Case("recorded loss", "loss_ratio", Series(MONDAY, STEP, losses), plain, fault=_made(dropped))


def _made(disturbances: Sequence[Disturbance]) -> Fault | None:
    """Of those that show in this metric: who asks for it suffers from the beginning."""
    return next((Fault(_at(each.begin), _at(each.begin), _at(each.end)) for each in disturbances), None)


@dataclass(frozen=True, slots=True)
class Episode:
    begin: float
    end: float


def walked(case: Case, rules: Sequence[Rule], first: int) -> list[Episode]:
    """What would have been raised, and when, from point `first` on; the baseline is learnt anew every day, as the daemon does."""
    episodes: list[Episode] = []
    for rule in rules:
        episodes += _walked(case, rule, first)
    return sorted(episodes, key=lambda episode: episode.begin)


def _walked(case: Case, rule: Rule, first: int) -> Iterator[Episode]:
    series = case.series
    baseline: Baseline | None = None
    since: float | None = None
    every = HOUR // STEP if rule.trend else 1
    for point in range(first, len(series.values) + 1, every):
        if rule.unusual is not None and (point - first) % (DAY // STEP) == 0:
            known = Series(series.start, STEP, series.values[:point]).last(rule.unusual.history_days * DAY)
            baseline = learn(known)
        begin = 0 if rule.trend else max(0, point - SHOWN_TO_RULE)
        shown = Series(series.start + begin * STEP, STEP, series.values[begin:point])
        found = judge(rule, shown, baseline, standing=since is not None)
        if found.raised and since is None:
            since = shown.end
        elif found.raised is False and since is not None:
            yield Episode(since, shown.end)
            since = None
    if since is not None:
        yield Episode(since, series.end)


def scored(score: Score, case: Case, episodes: Sequence[Episode]) -> None:
    fault = case.fault
    right = [each for each in episodes if fault is not None and each.end > fault.begin and each.begin < fault.end]
    score.right += len(right)
    score.wrong += len(episodes) - len(right)
    if fault is not None:
        score.faults += 1
        if right:
            score.seen += 1
            score.leads.append((fault.impact - right[0].begin) / HOUR)


def plain_rule(case: Case) -> Rule:
    direction = "falling" if case.falling else "rising"
    limits = case.plain.model_copy(update={"raise_after": 1, "clear_after": 1})
    return Rule(name="plain", metric=case.metric, direction=direction, threshold=limits, cause="plain", text="beyond its limit")


def measure(cases: Sequence[Case], rules: Sequence[Rule]) -> dict[str, tuple[Score, Score]]:
    """Kind of case → plain thresholds, fabd."""
    scores: dict[str, tuple[Score, Score]] = defaultdict(lambda: (Score(), Score()))
    began = time.monotonic()
    for number, case in enumerate(cases, 1):
        first = (
            len(case.series.values) * (WEEKS - 1) // WEEKS
            if case.kind.split()[0] != "recorded"
            else len(case.series.values) * 2 // 3
        )
        plain, own = scores[case.kind]
        scored(plain, case, walked(case, [plain_rule(case)], first))
        scored(own, case, walked(case, [rule for rule in rules if rule.metric == case.metric], first))
        if sys.stderr.isatty():
            print(f"\r{number} of {len(cases)} series, {time.monotonic() - began:.0f} s", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return dict(scores)


def report(scores: dict[str, tuple[Score, Score]]) -> Report:
    whole = (Score(), Score())
    for pair in scores.values():
        for total, score in zip(whole, pair, strict=True):
            total.faults += score.faults
            total.seen += score.seen
            total.right += score.right
            total.wrong += score.wrong
            total.leads += score.leads
    rows = [(kind, str(plain.faults), *_figures(plain), *_figures(own)) for kind, (plain, own) in [*scores.items(), ("all", whole)]]
    columns = ("series", "faults", "plain: precision", "recall", "lead", "fabd: precision", "recall", "lead")
    return Report(
        "detection", columns, rows, "Lead: median of the hours between the first right alarm and the impact; negative is late."
    )


def _figures(score: Score) -> tuple[str, str, str]:
    precision = "-" if score.precision is None else f"{score.precision:.2f} ({score.wrong} wrong)"
    recall = "-" if score.recall is None else f"{score.recall:.2f}"
    return precision, recall, "-" if score.lead is None else f"{score.lead:+.1f} h"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--series", type=int, default=12, help="series with a fault of each kind, and as many without (12)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    wanted = parser.parse_args(arguments)
    cases = [*generated(wanted.series), *recorded()]
    scores = measure(cases, parse_rules(RULES.read_text(encoding="utf-8"), str(RULES)))
    found = report(scores)
    if wanted.json:
        print(json.dumps({kind: {"plain": asdict(plain), "fabd": asdict(own)} for kind, (plain, own) in scores.items()}))
    else:
        print(found.table)
    if wanted.write:
        found.write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
