"""Everything that can be told of a specification without an element: what is wrong, what is worth knowing, what samples show."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.authoring.errors import ValueUnknown
from agent.authoring.hostile import ATTACKS, escapes, texts_in
from agent.authoring.trial import Outcome, Trial, templates_of, trials
from drivers.diff.lines import untypable
from drivers.errors import DriverSetupError
from drivers.platform import Platform
from policies.document import Document
from policies.errors import Problem, Refused, RenderingFailed
from policies.specification import FILE, SAMPLES, SUFFIX, Sample, Specification, check_characteristics

Pools = Mapping[str, str]
"""Name → kind, of every pool that there is."""


@dataclass(frozen=True, slots=True)
class Report:
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    shown: Mapping[str, tuple[str, ...]]
    """Platform → the samples that were tried on it."""


@dataclass
class Examination:
    """Of one specification; `files` is its folder."""

    spec: Specification
    files: Mapping[str, str]
    folder: str
    platforms: Mapping[str, Platform]
    pools: Pools | None = None
    """None when it is not known which there are."""

    def report(self) -> Report:
        problems, shown, refused = [*self._misnamed(), *self._unserved(), *self._bad_pools()], {}, {}
        for platform in templates_of(self.spec, self.platforms):
            tried: list[str] = []
            for name, sample in self.spec.samples.items():
                try:
                    problems += self._tried(name, sample, self.platforms[platform])
                    tried.append(name)
                except Refused as error:
                    refused[platform, name] = error
            shown[platform] = tuple(tried)
        problems += self._bad_samples()
        notes = [*self._not_shown(shown, refused), *self._never_asked(), *self._could_be_served()]
        return Report(tuple(dict.fromkeys(problems)), tuple(notes), shown)

    def _tried(self, name: str, sample: Sample, platform: Platform) -> Iterator[Problem]:
        """Raises `Refused` when the platform has no place in the sample."""
        try:
            for trial in trials(self.spec, sample, platform, self.platforms):
                before, after = trial.outcome(), self._after(trial)
                yield from self._unreadable(trial, name, before, after)
                yield from self._unsafe(trial)
                for without, characteristics in trial.reduced():
                    yield from self._broken_without(trial, name, without, characteristics)
        except RenderingFailed as error:
            on = f" on element {error.element}" if error.element else ""
            yield Problem(self._file(error), error.line, "", f"sample {name}{on}: {error.message}")
        except ValueUnknown as error:
            yield self._problem(("resources",), str(error))

    def _broken_without(self, trial: Trial, name: str, without: str, characteristics: Mapping[str, Any]) -> Iterator[Problem]:
        """What a client may leave out, the templates must not need."""
        try:
            less = trial.outcome(characteristics)
        except RenderingFailed as error:
            message = f"sample {name} without {without}, which may be left out: {error.message}"
            yield Problem(self._file(error), error.line, "", message)
        except (Refused, ValueUnknown):
            return  # another place, or none: a sample of its own says more of that
        else:
            yield from self._unreadable(trial, f"{name} without {without}", less, less)

    def _file(self, error: RenderingFailed) -> str:
        return f"{self.folder}/{error.template.partition('/')[2]}"

    def _after(self, trial: Trial) -> Outcome:
        try:
            return trial.outcome(trial.changed())
        except Refused:
            return trial.outcome()  # told by `_bad_samples`, or beyond what the platform can do

    def _unreadable(self, trial: Trial, name: str, before: Outcome, after: Outcome) -> Iterator[Problem]:
        platform = trial.platform
        file, _ = self.spec.template(platform.name) or ("", "")
        for element in sorted({*before.texts, *after.texts}):
            old, new = before.texts.get(element, ""), after.texts.get(element, "")
            try:
                payloads = [trial.payload(element, "", old), trial.payload(element, old, new), trial.payload(element, new, "")]
            except DriverSetupError as error:
                yield Problem(f"{self.folder}/{file}", 1, "", f"sample {name}: {error}")
                continue
            if platform.syntax == "lines":
                for line in filter(None, (untypable(platform.line_rules, payload) for payload in payloads)):
                    yield Problem(f"{self.folder}/{file}", 1, "", f"sample {name}: {line!r} cannot be typed on {platform.name}")

    def _unsafe(self, trial: Trial) -> Iterator[Problem]:
        for place, honest in texts_in(trial.sample.characteristics):
            found = next(filter(None, (escapes(trial, place, honest, attack) for attack in ATTACKS)), "")
            if found:
                path = ("characteristics", "properties", place[0])
                yield self._problem(path, f"{found}; give it a `pattern` that leaves such characters out")

    def _bad_samples(self) -> Iterator[Problem]:
        for name, sample in self.spec.samples.items():
            file = next(file for file in self.files if file.startswith(SAMPLES) and file.rpartition("/")[2].startswith(f"{name}."))
            document = Document(self.files[file], f"{self.folder}/{file}")
            changed = {**sample.characteristics, **sample.change}
            wanted = {key: value for key, value in changed.items() if value is not None}
            for key, characteristics in (("characteristics", sample.characteristics), ("change", wanted)):
                for refusal in check_characteristics(self.spec, characteristics):
                    yield document.problem((key, *refusal.pointer.split("/")[1:]), refusal.message)

    def _misnamed(self) -> Iterator[Problem]:
        """Templates in a syntax that is not their platform's: values would be escaped wrongly, or the file never be looked at."""
        for file in sorted(self.spec.templates):
            name, _, syntax = file.removesuffix(SUFFIX).rpartition(".")
            if (platform := self.platforms.get(name)) and syntax != platform.syntax:
                message = f"{name} takes {platform.syntax}, not {syntax}: call the file {name}.{platform.syntax}{SUFFIX}"
                yield Problem(f"{self.folder}/{file}", 1, "", message)

    def _unserved(self) -> Iterator[Problem]:
        """Features that no platform with a template has."""
        able = [self.platforms[name].realises for name in templates_of(self.spec, self.platforms)]
        for part, features in sorted(self.spec.needs.items()):
            if able and not any(features <= each for each in able):
                words = ", ".join(sorted(features))
                yield self._problem(
                    ("needs", part), f"no platform that has a template realises {words}; no order could be realised"
                )
        for characteristic, parts in self.spec.features.items():
            for part, feature in sorted(parts.items()):
                if able and not any(feature in each for each in able):
                    message = (
                        f"no platform that has a template realises {feature}; every order with {characteristic} would be refused"
                    )
                    yield self._problem(("features", characteristic, part), message)

    def _bad_pools(self) -> Iterator[Problem]:
        if self.pools is None:
            return
        for position, rule in enumerate(self.spec.resources):
            if "{" in rule.pool:
                continue
            path = ("resources", position, "pool")
            kind = self.pools.get(rule.pool)
            if kind is None:
                known = ", ".join(sorted(self.pools)) or "none"
                yield self._problem(
                    path, f"there is no pool {rule.pool!r}; import it with `fabd inventory import`; there are {known}"
                )
            elif rule.kind and kind != rule.kind:
                yield self._problem(path, f"pool {rule.pool} is of kind {kind}; the specification needs {rule.kind}")

    def _not_shown(self, shown: Mapping[str, tuple[str, ...]], refused: Mapping[tuple[str, str], Refused]) -> Iterator[str]:
        if not self.spec.samples:
            yield f"there are no samples; write {self.folder}/{SAMPLES}NAME.yaml to have the templates tried"
            return
        for platform, names in shown.items():
            if not names:
                why = "; ".join(f"{name}: {error}" for (other, name), error in refused.items() if other == platform)
                yield f"no sample shows what it is on {platform} ({why})"

    def _never_asked(self) -> Iterator[str]:
        """Tests that prove nothing, since no element would be asked them: often a mistyped word."""
        asked = [self.platforms[name].tests for name in templates_of(self.spec, self.platforms)]
        known = frozenset[str]().union(*(each for each in asked if each is not None))
        if None in asked or not asked:
            return
        for position, test in enumerate(self.spec.tests):
            if test.kind not in known:
                useless = f"tests[{position}]: no platform that has a template can be asked {test.kind!r}, so it proves nothing"
                yield f"{useless}; they can be asked {', '.join(sorted(known))}"

    def _could_be_served(self) -> Iterator[str]:
        for name, platform in sorted(self.platforms.items()):
            parts = [part for part, features in sorted(self.spec.needs.items()) if features <= platform.realises]
            if parts and self.spec.template(name) is None:
                yield f"{name} realises what {' and '.join(parts)} needs, but has no template"
        unknown = sorted({file.rsplit(".", 2)[0].rsplit(".", 1)[0] for file in self.spec.templates} - {*self.platforms})
        unknown = [name for name in unknown if not self._is_included(name)]
        if unknown:
            yield f"templates for platforms that are not installed here: {', '.join(unknown)}"

    def _is_included(self, name: str) -> bool:
        """Whether other templates of the folder use it."""
        return any(f"'{name}." in text or f'"{name}.' in text for text in self.spec.templates.values())

    def _problem(self, path: tuple[str | int, ...], message: str) -> Problem:
        return Document(self.files[FILE], f"{self.folder}/{FILE}").problem(path, message)
