"""Credentials by reference: from the environment or from a file that only its owner can read.

The file is TOML, one table per reference; the environment variable `FABD_CREDENTIAL_<REFERENCE>` holds the same keys as JSON
and wins. Keys: username, password, private_key, community, auth_protocol, auth_key, priv_protocol, priv_key, engine_id.
"""

import json
import os
import re
import stat
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import CredentialsExposed, CredentialUnresolved
from drivers.port import Credential

OTHERS = stat.S_IRWXG | stat.S_IRWXO
STEADY_S = 2.0
"""A file that was changed less long ago may be changed again without looking otherwise: its times go by the system's ticks."""


class _Keys(BaseModel):
    """What a credential may hold; errors never show a value."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    username: str = ""
    password: str = Field("", repr=False)
    private_key: Path | None = None
    community: str = Field("", repr=False)
    auth_protocol: str = Field("sha1", pattern="^(md5|sha1|sha224|sha256|sha384|sha512)$")
    auth_key: str = Field("", repr=False)
    priv_protocol: str = Field("aes128", pattern="^(des|aes128)$")
    priv_key: str = Field("", repr=False)
    engine_id: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """A file as it was read, what it says, and what was made of that."""

    look: tuple[int, ...]
    tables: Mapping[str, object] = field(repr=False)
    built: dict[str, Credential] = field(default_factory=dict, repr=False)


class CredentialResolver:
    """Turns a reference into secrets at the moment of use.

    What was read is good as long as the file looks the same, and it is opened and looked at each time, by whatever thread asks: a
    changed file takes effect at once, and one that others can read by now is not believed any more.
    """

    def __init__(self, file: Path, environment: Mapping[str, str] | None = None) -> None:
        self._file = file
        self._environment = os.environ if environment is None else environment
        self._read: _Read | None = None

    def resolve(self, reference: str) -> Credential:
        """Raises `CredentialUnresolved` or `CredentialsExposed`; both name the reference and the remedy, never a secret."""
        variable = variable_name(reference)
        text = self._environment.get(variable)
        if text is not None:
            return self._build(reference, self._json(reference, variable, text), f"environment variable {variable}")
        read = self._as_it_is(reference)
        if reference not in read.tables:
            raise CredentialUnresolved(reference, f"add a table [{reference}] to {self._file} (mode 0600) or set {variable}")
        if reference not in read.built:
            read.built[reference] = self._build(reference, read.tables[reference], str(self._file))
        return read.built[reference]

    def _json(self, reference: str, variable: str, text: str) -> object:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise CredentialUnresolved(reference, f'{variable} is not JSON; give an object such as {{"username": …}}') from None

    def _as_it_is(self, reference: str) -> _Read:
        kept, at = self._read, time.time()  # before the look: who is stopped in between takes it for less steady
        try:
            with self._file.open("rb") as file:
                found = os.fstat(file.fileno())
                if stat.S_IMODE(found.st_mode) & OTHERS:
                    raise CredentialsExposed(f"{self._file} can be read by others than its owner; run: chmod 600 {self._file}")
                if kept is not None and kept.look == _look(found):
                    return kept
                read = _Read(_look(found), tomllib.load(file))
        except FileNotFoundError:
            remedy = f"create {self._file} (mode 0600) with a table [{reference}], or set {variable_name(reference)}"
            raise CredentialUnresolved(reference, remedy) from None
        except tomllib.TOMLDecodeError as error:
            raise CredentialUnresolved(reference, f"{self._file} is not valid TOML: {error}") from None
        self._read = read if at - max(found.st_mtime, found.st_ctime) > STEADY_S else None
        return read

    def _build(self, reference: str, table: object, source: str) -> Credential:
        try:
            return Credential(reference, **_Keys.model_validate(table).model_dump())
        except ValidationError as error:
            details = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors(include_input=False))
            raise CredentialUnresolved(reference, f"{source} is not usable: {details}") from None


def _look(found: os.stat_result) -> tuple[int, ...]:
    """By which a file that was changed, or has come in the place of another, is told from that."""
    return found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def variable_name(reference: str) -> str:
    """`core-routers` → `FABD_CREDENTIAL_CORE_ROUTERS`."""
    return "FABD_CREDENTIAL_" + re.sub(r"[^A-Z0-9]", "_", reference.upper())
