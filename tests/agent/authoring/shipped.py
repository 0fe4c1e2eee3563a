"""Shipped specifications, platforms and samples, and what a sample looks like on a platform."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from agent.authoring.trial import Trial, templates_of, trials
from agent.catalog import load_catalog
from agent.config import CatalogSettings
from drivers.platform import Platform, load_platform, platforms
from policies.errors import Refused
from policies.specification import Specification

GOLDEN = Path(__file__).parent / "golden"


@cache
def installed() -> dict[str, Platform]:
    return {name: load_platform(name) for name in platforms()}


@cache
def specifications() -> dict[str, Specification]:
    return dict(load_catalog(CatalogSettings()).specifications)


@cache
def all_trials() -> dict[str, Trial]:
    """The first of every specification, platform and sample that go together, by the name of its golden file."""
    return dict(_all_trials())


def _all_trials() -> Iterator[tuple[str, Trial]]:
    for spec in specifications().values():
        for platform in templates_of(spec, installed()):
            for name, sample in spec.samples.items():
                try:
                    yield f"{spec.name}/{platform}-{name}", next(trials(spec, sample, installed()[platform], installed()))
                except Refused:
                    continue  # the platform cannot do what this sample asks; another sample shows it


def golden_text(trial: Trial) -> str:
    """What the sample is, what its change sends, and what taking it away sends."""
    before, after = trial.outcome(), trial.outcome(trial.changed())
    parts = [f"{before.name}\n", *(f"  {role} = {value}\n" for role, value in sorted(before.values.items()))]
    for element in sorted({*before.texts, *after.texts}):
        old, new = before.texts.get(element, ""), after.texts.get(element, "")
        parts += [f"\n### {element}: is\n{old}"]
        parts += [f"--- {element}: change sends\n{_ended(trial.payload(element, old, new))}"]
        parts += [f"--- {element}: delete sends\n{_ended(trial.payload(element, new, ''))}"]
    for element, tests in sorted(after.tests.items()):
        parts += [f"\n### {element}: is tested by\n", *(f"{kind} {dict(arguments)}\n" for kind, arguments in tests)]
    return "".join(parts)


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
