"""Reads the folders of specifications, SLAs and tariffs, shipped and the operator's own, into one checked `Catalog`."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from agent.config import CatalogSettings
from agent.errors import ConfigurationError
from policies.catalog import Catalog
from policies.sla import parse_sla
from policies.specification import FILE, parse
from policies.tariff import parse_tariff

YAML = (".yaml", ".yml")


def load_catalog(settings: CatalogSettings | None = None) -> Catalog:
    """Raises `policies.errors.InvalidPolicy` with every mistake of a file, `ConfigurationError` for a folder that is not there."""
    settings = settings or CatalogSettings()
    shipped = files("policies")
    specifications = [
        parse(_texts(folder), folder=folder.name)
        for root in _roots(shipped / "specifications", settings.specifications)
        for folder in _entries(root)
        if folder.is_dir() and (folder / FILE).is_file()
    ]
    slas = [parse_sla(text, name) for name, text in _documents(shipped / "slas", settings.slas)]
    tariffs = [parse_tariff(text, name) for name, text in _documents(shipped / "tariffs", settings.tariffs)]
    return Catalog.of(specifications, slas, tariffs)


def _roots(shipped: Traversable, own: Sequence[Path]) -> Iterator[Traversable]:
    yield shipped
    for path in own:
        if not path.is_dir():
            raise ConfigurationError([f"catalog: {path} is not a folder; create it or take it out of the settings"])
        yield path


def _documents(shipped: Traversable, own: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for root in _roots(shipped, own):
        for entry in _entries(root):
            if entry.is_file() and entry.name.endswith(YAML):
                yield str(entry), entry.read_text(encoding="utf-8")


def _texts(folder: Traversable) -> Mapping[str, str]:
    return {entry.name: entry.read_text(encoding="utf-8") for entry in _entries(folder) if entry.is_file()}


def _entries(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda entry: entry.name)
