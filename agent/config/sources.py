"""Where settings come from: file, environment, flags."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import ConfigurationError

DEFAULT_FILE = Path("fabd.toml")
PREFIX = "FABD_"
NOT_SETTINGS = ("FABD_CONFIG", "FABD_TOKEN", "FABD_URL", "FABD_TEST_", "FABD_CREDENTIAL_", "FABD_LAB_")
"""Environment variables that other parts read; everything else that starts with `FABD_` must be a setting."""

Document = dict[str, Any]


Location = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    values: Document

    def has(self, location: Location) -> bool:
        node: Any = self.values
        for key in location:
            try:
                node = node[key]
            except (LookupError, TypeError):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Sources:
    """Where settings come from: file, environment, flags; each goes before the one before it."""

    found: tuple[_Source, ...]

    @property
    def file(self) -> str:
        """Empty when there is none."""
        return self.found[0].name if self.found[0].values else ""

    def merged(self) -> Document:
        whole: Document = {}
        for source in self.found:
            _merge(whole, source.values)
        return whole

    def where(self, location: Location) -> str:
        """Source and key, as `fabd.toml: api.port` or `environment: FABD_API__PORT`; of what nobody set, as of the file."""
        reached = (location[:length] for length in range(len(location), 0, -1))
        source = next((each for known in reached for each in reversed(self.found) if each.has(known)), self.found[0])
        if source.name == "environment":
            return f"environment: {PREFIX}{'__'.join(names(location)).upper()}"
        return f"{source.name}: {'.'.join(map(str, location))}"


def read_sources(file: Path | None = None, flags: Document | None = None, environment: Mapping[str, str] | None = None) -> Sources:
    """`file` must exist when it is given (or named by `FABD_CONFIG`); `fabd.toml` in the working directory is optional."""
    environment = os.environ if environment is None else environment
    named = file or (Path(environment["FABD_CONFIG"]) if environment.get("FABD_CONFIG") else None)
    return Sources((_from_file(named), _from_environment(environment), _Source("flag", flags or {})))


def _from_file(named: Path | None) -> _Source:
    path = named or DEFAULT_FILE
    if named is None and not path.exists():
        return _Source(str(path), {})
    try:
        return _Source(str(path), tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError:
        raise ConfigurationError([f"{path}: no such file; create it or leave out --config"]) from None
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}; name a file that fabd may read"]) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{path}: cannot be read: not UTF-8 at byte {error.start}; convert it"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"{path}: not valid TOML: {error}; correct it there"]) from None


def _from_environment(environment: Mapping[str, str]) -> _Source:
    values: Document = {}
    for variable in sorted(environment):  # a section comes before its keys
        if not variable.startswith(PREFIX) or variable.startswith(NOT_SETTINGS):
            continue
        *sections, key = variable.removeprefix(PREFIX).lower().split("__")
        node = values
        for section in sections:
            node = node.setdefault(section, {})
            if not isinstance(node, dict):
                told = f"{PREFIX}{section.upper()} is set as one value, too; keep one of them"
                raise ConfigurationError([f"environment: {variable}: {told}"])
        node[key] = _structured(environment[variable])
    return _Source("environment", values)


def _structured(text: str) -> Any:  # noqa: ANN401  JSON is any
    """Lists and tables are given as JSON; everything else is left to the model to read."""
    if text[:1] in "[{" and text:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _merge(into: Document, values: Document) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, dict) else value


def names(location: Location, *, through: bool = False) -> tuple[str, ...]:
    """The keys of a location, up to the place in a list, or through it."""
    until = next((place for place, key in enumerate(location) if isinstance(key, int) and not through), None)
    return tuple(key for key in location[:until] if isinstance(key, str))
