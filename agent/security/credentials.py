"""Credentials by reference: from the environment or from a file that only its owner can read.

The file is TOML, one table per reference; the environment variable `FABD_CREDENTIAL_<REFERENCE>` holds the same keys as JSON
and wins. Keys: username, password, private_key, community, auth_protocol, auth_key, priv_protocol, priv_key, engine_id.
"""

import json
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import CredentialsExposed, CredentialUnresolved
from drivers.port import Credential

OTHERS = stat.S_IRWXG | stat.S_IRWXO


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


class CredentialResolver:
    """Turns a reference into secrets at the moment of use; nothing is kept, so a changed file takes effect at once."""

    def __init__(self, file: Path, environment: Mapping[str, str] | None = None) -> None:
        self._file = file
        self._environment = os.environ if environment is None else environment

    def resolve(self, reference: str) -> Credential:
        """Raises `CredentialUnresolved` or `CredentialsExposed`; both name the reference and the remedy, never a secret."""
        variable = variable_name(reference)
        text = self._environment.get(variable)
        if text is not None:
            return self._build(reference, self._json(reference, variable, text), f"environment variable {variable}")
        tables = self._read(reference)
        if reference not in tables:
            raise CredentialUnresolved(reference, f"add a table [{reference}] to {self._file} (mode 0600) or set {variable}")
        return self._build(reference, tables[reference], str(self._file))

    def _json(self, reference: str, variable: str, text: str) -> object:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise CredentialUnresolved(reference, f'{variable} is not JSON; give an object such as {{"username": …}}') from None

    def _read(self, reference: str) -> Mapping[str, object]:
        try:
            with self._file.open("rb") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & OTHERS:
                    raise CredentialsExposed(f"{self._file} can be read by others than its owner; run: chmod 600 {self._file}")
                return tomllib.load(file)
        except FileNotFoundError:
            remedy = f"create {self._file} (mode 0600) with a table [{reference}], or set {variable_name(reference)}"
            raise CredentialUnresolved(reference, remedy) from None
        except tomllib.TOMLDecodeError as error:
            raise CredentialUnresolved(reference, f"{self._file} is not valid TOML: {error}") from None

    def _build(self, reference: str, table: object, source: str) -> Credential:
        try:
            return Credential(reference, **_Keys.model_validate(table).model_dump())
        except ValidationError as error:
            details = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors(include_input=False))
            raise CredentialUnresolved(reference, f"{source} is not usable: {details}") from None


def variable_name(reference: str) -> str:
    """`core-routers` → `FABD_CREDENTIAL_CORE_ROUTERS`."""
    return "FABD_CREDENTIAL_" + re.sub(r"[^A-Z0-9]", "_", reference.upper())
