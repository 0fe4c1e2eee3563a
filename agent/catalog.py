"""Reads the folders of specifications, SLAs and tariffs, shipped, installed and the operator's own, into one checked `Catalog`.

Rules for events are read beside it, in the same way.

A folder of a specification's name that has templates and no `spec.yaml` adds them to that specification: so a new platform learns
to realise a product that is there. Packages bring both by entry point, group `fabd.specifications`; the value names a package
whose sub-folders they are.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from agent.config import CatalogSettings
from agent.errors import ConfigurationError
from policies.acting.rules import Rule as ActionRule
from policies.acting.rules import parse_actions
from policies.catalog import Catalog
from policies.collecting.collector import Collector
from policies.collecting.meaning import distinct as distinct_collectors
from policies.collecting.meaning import parse_collector
from policies.detection.rules import Rule, parse_rules
from policies.errors import InvalidPolicy, Problem
from policies.sla import Sla, parse_sla
from policies.specification import FILE, SAMPLES, SUFFIX, Specification, parse
from policies.tariff import Tariff, parse_tariff
from policies.translating import Translations, distinct, parse_translation

YAML = (".yaml", ".yml")
ENTRY_POINTS = "fabd.specifications"

Read = TypeVar("Read")
Texts = Mapping[str, str]
"""A folder's files by name."""


def load_catalog(settings: CatalogSettings | None = None) -> Catalog:
    """Raises `policies.errors.InvalidPolicy` with all mistakes of all files, `ConfigurationError` for a folder that is missing."""
    return Catalog.of(*read_catalog(settings or CatalogSettings()))


def read_catalog(settings: CatalogSettings) -> tuple[list[Specification], list[Sla], list[Tariff]]:
    """Each file by itself, whatever it refers to. Raises like `load_catalog`."""
    shipped = files("policies")
    wrong: list[Problem] = []
    own = specification_texts(settings).items()
    specifications = _sound((partial(_specification, name, tuple(texts.items())) for name, texts in own), wrong)
    slas = _sound((partial(parse_sla, text, name) for name, text in _documents(shipped / "slas", settings.slas)), wrong)
    tariffs = _sound((partial(parse_tariff, text, name) for name, text in _documents(shipped / "tariffs", settings.tariffs)), wrong)
    if wrong:
        raise InvalidPolicy(wrong)
    return specifications, slas, tariffs


@lru_cache(maxsize=64)
def _specification(folder: str, texts: tuple[tuple[str, str], ...]) -> Specification:
    """A text says the same whenever it is read, and reading it takes long: some commands read the catalog twice, tests often."""
    return parse(dict(texts), folder=folder)


def load_translations(settings: CatalogSettings | None = None) -> Translations:
    """How events are translated; the operator's own rules are tried before those shipped. Raises like `load_catalog`."""
    return _translations(tuple(settings.translations) if settings else ())


@lru_cache(maxsize=4)
def _translations(own: Sequence[Path]) -> Translations:
    folders = [path for path in own if not path.is_file()]
    single = [(str(path), path.read_text(encoding="utf-8")) for path in own if path.is_file()]
    documents = list(_documents(files("policies") / "translations", folders))
    shipped = len(list(_yaml_of(files("policies") / "translations")))
    found = _every(partial(parse_translation, text, name) for name, text in (*single, *documents[shipped:], *documents[:shipped]))
    distinct(found)
    return Translations(found)


def load_foresight(settings: CatalogSettings | None = None) -> tuple[Rule, ...]:
    """What is warned of early. A rule of the operator's own takes the place of a shipped one of its name. Raises like
    `load_catalog`.
    """
    own = settings.foresight if settings else []
    found = _every(partial(parse_rules, text, name) for name, text in _documents(files("policies") / "foresight", own))
    return tuple({rule.name: rule for rules in found for rule in rules}.values())


def load_collectors(settings: CatalogSettings | None = None) -> tuple[Collector, ...]:
    """What elements are asked beside SNMP. A collector of the operator's own takes the place of a shipped one of its name.

    Raises like `load_catalog`.
    """
    shipped = files("policies") / "collectors"
    texts = list(_documents(shipped, settings.collectors if settings else []))
    read = _every(partial(parse_collector, text, name) for name, text in texts)
    own = [(name, collector) for (name, _), collector in zip(texts, read, strict=True)]
    count = len(list(_yaml_of(shipped)))
    distinct_collectors(own[:count])
    distinct_collectors(own[count:])
    return tuple({collector.name: collector for _, collector in own}.values())


def load_actions(settings: CatalogSettings | None = None, causes: Collection[str] | None = None) -> tuple[ActionRule, ...]:
    """What may be done about alarms. A rule of the operator's own takes the place of a shipped one of its name.

    `causes`: that alarms can have; without them they are not looked at. Raises like `load_catalog`.
    """
    own = settings.actions if settings else []
    found = _every(partial(parse_actions, text, name, causes) for name, text in _documents(files("policies") / "actions", own))
    return tuple({rule.name: rule for rules in found for rule in rules}.values())


def specification_texts(settings: CatalogSettings) -> Mapping[str, Texts]:
    """The files of every specification, by its name. Folders of one name, wherever they lie, are one specification."""
    roots = [*_roots(files("policies") / "specifications", settings.specifications), *_installed()]
    joined: dict[str, dict[str, str]] = {}
    for name, texts in ((folder.name, texts_of(folder)) for root in roots for folder in _folders(root)):
        there = joined.setdefault(name, {})
        if taken := sorted(there.keys() & texts.keys()):
            again = "there are two of them in the folders of this name; remove one, or rename its folder"
            raise InvalidPolicy([Problem(f"{name}/{file}", 1, "", again) for file in taken])
        there.update(texts)
    return {name: texts for name, texts in joined.items() if texts}


def _every(reads: Iterable[Callable[[], Read]]) -> list[Read]:
    """What all of them give. `InvalidPolicy` with the mistakes of all, so that the files are corrected in one go."""
    wrong: list[Problem] = []
    found = _sound(reads, wrong)
    if wrong:
        raise InvalidPolicy(wrong)
    return found


def _sound(reads: Iterable[Callable[[], Read]], wrong: list[Problem]) -> list[Read]:
    """What those give that can be read; the mistakes of the others are added to `wrong`."""
    found: list[Read] = []
    for read in reads:
        try:
            found.append(read())
        except InvalidPolicy as error:
            wrong += error.problems
    return found


def _installed() -> Iterator[Traversable]:
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            yield files(entry.value)
        except (ImportError, TypeError) as error:
            raise ConfigurationError([f"package {entry.value} of entry point {entry.name} cannot be imported: {error}"]) from error


def _roots(shipped: Traversable, own: Sequence[Path]) -> Iterator[Traversable]:
    yield shipped
    for path in own:
        if not path.is_dir():
            raise ConfigurationError([f"catalog: {path} is not a folder; create it or take it out of the settings"])
        yield path


def _documents(shipped: Traversable, own: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for root in _roots(shipped, own):
        for name, text in _yaml_of(root):
            yield str(root / name), text


def _yaml_of(folder: Traversable) -> Iterator[tuple[str, str]]:
    """Name and text."""
    for entry in _entries(folder):
        if entry.is_file() and entry.name.endswith(YAML):
            yield entry.name, entry.read_text(encoding="utf-8")


def _folders(root: Traversable) -> list[Traversable]:
    return [entry for entry in _entries(root) if entry.is_dir()]


def texts_of(folder: Traversable) -> Texts:
    """Of the specification, its templates and its samples; whatever else lies there is left alone."""
    own = {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in _entries(folder)
        if entry.is_file() and (entry.name == FILE or entry.name.endswith(SUFFIX))
    }
    samples = folder / SAMPLES.removesuffix("/")
    return own | ({f"{SAMPLES}{name}": text for name, text in _yaml_of(samples)} if samples.is_dir() else {})


def _entries(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda entry: entry.name)
