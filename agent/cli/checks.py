"""What is wrong with settings beyond their form: files, addresses and secrets that they name."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from agent.actions.modes import with_modes
from agent.api.tls import server_context
from agent.catalog import load_actions, load_catalog, load_collectors, load_foresight, load_translations, read_catalog
from agent.config import CatalogSettings, Location, Settings
from agent.errors import AgentError, ConfigurationError
from agent.security.credentials import OTHERS, CredentialResolver
from crm_bridge.callbacks import CallbackPolicy
from crm_bridge.errors import BridgeError
from crm_bridge.eventfilter import EventFilter
from drivers.errors import DriverSetupError
from drivers.platform import Platforms
from inventory.db import Database
from inventory.errors import DatabaseDriverMissing
from policies.errors import PolicyError

Mistake = tuple[Location, str]
"""Which setting, and what is wrong with it, with the remedy."""
OF_FILES = frozenset({"translations"})
"""Of the catalog: what is set to files as well as to folders."""

_INSTEAD = "write postgresql+psycopg://user@host/name, or leave it out for SQLite"


def mistakes(settings: Settings) -> Iterator[Mistake]:
    yield from _database(settings)
    yield from _data_dir(settings)
    yield from _tls(settings)
    yield from _credentials(settings)
    yield from _webhooks(settings)
    yield from _folders(settings)
    yield from _remote_write(settings)


def of_catalog(settings: Settings) -> list[str]:
    """What is wrong in the files of the catalog, as far as they are there: `mistakes` tells of paths that lead nowhere.

    What refers to something that would be there is not held against it.
    """
    from agent.actions.reading import load_rules  # noqa: PLC0415  it loads all that makes alarms

    catalog, gone = _there(settings.catalog)
    found: list[str] = []
    for load in (load_collectors, load_foresight, load_translations):
        found += _wrong(partial(load, catalog))
    # causes that an alarm may have are known where all can be read that tells of alarms
    known = not found and not gone & {"collectors", "foresight", "translations"}
    rules = partial(load_rules, catalog, settings.actions) if known else partial(load_actions, catalog)
    modes = {} if "actions" in gone else settings.actions.modes
    found += _wrong(lambda: with_modes(rules(), modes))
    found += _wrong(partial(read_catalog, catalog) if gone & {"slas", "tariffs"} else partial(load_catalog, catalog))
    return found + _of_platforms(Platforms(tuple(catalog.platforms)))


def _there(catalog: CatalogSettings) -> tuple[CatalogSettings, frozenset[str]]:
    """Without paths that lead nowhere, and the settings that name such."""
    paths = {name: [path for path in some if _leads(name, path)] for name, some in catalog}
    return catalog.model_copy(update=paths), frozenset(name for name, some in catalog if len(some) > len(paths[name]))


def _leads(name: str, path: Path) -> bool:
    return path.is_dir() or (name in OF_FILES and path.is_file())


def _of_platforms(platforms: Platforms) -> list[str]:
    if names := _wrong(platforms.names):
        return [*names]
    return [each for name in platforms.names() for each in _wrong(partial(platforms.load, name))]


def _wrong(load: Callable[[], object]) -> Sequence[str]:
    try:
        load()
    except (AgentError, PolicyError, DriverSetupError) as error:
        return str(error).splitlines()
    return ()


def _database(settings: Settings) -> Iterator[Mistake]:
    place: Location = ("database", "url")
    try:
        kind = make_url(settings.database_url).get_backend_name()
        if kind not in {"sqlite", "postgresql"}:
            yield place, f"{kind} is not supported; {_INSTEAD}"
        else:
            Database(settings.database_url).close()
    except ArgumentError:
        yield place, f"not a database URL; {_INSTEAD}"
    except DatabaseDriverMissing as error:
        yield place, str(error)


def _remote_write(settings: Settings) -> Iterator[Mistake]:
    from agent.prometheus.remote.service import too_short  # noqa: PLC0415  NumPy is loaded by who looks at it

    if settings.remote_write.url and (problem := too_short(settings.remote_write)):
        yield ("remote_write", "queue"), problem


def _data_dir(settings: Settings) -> Iterator[Mistake]:
    folder = settings.data_dir.absolute()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield ("data_dir",), f"{settings.data_dir} cannot be written: {there} is no folder that you may write; name another"


def _tls(settings: Settings) -> Iterator[Mistake]:
    key = settings.api.tls_key
    try:
        server_context(settings.api)
    except ConfigurationError as error:
        for each in error.mistakes:
            setting, _, told = each.partition(": ")
            yield tuple(setting.split(".")), told
    else:
        if key and key.stat().st_mode & stat.S_IRWXO:  # a group for such keys is usual
            yield ("api", "tls_key"), f"{key} can be read by everybody; run: chmod o= {key}"


def _credentials(settings: Settings) -> Iterator[Mistake]:
    named, file = settings.credentials.file, settings.credentials_file
    if named and not named.is_file():
        yield ("credentials", "file"), f"{named} is not a readable file; create it or correct the path"
    elif file.is_file() and file.stat().st_mode & OTHERS:
        yield ("credentials", "file"), f"{file} can be read by others than its owner; run: chmod 600 {file}"
    else:
        for place, reference in enumerate(settings.traps.credentials):
            yield from _unresolved(settings, reference, ("traps", "credentials", place))
        receivers = {"remote_write": settings.remote_write.credential, "alertmanager": settings.alertmanager.credential}
        for name, reference in receivers.items():
            if reference:
                yield from _unresolved(settings, reference, (name, "credential"))


def _webhooks(settings: Settings) -> Iterator[Mistake]:
    policy = CallbackPolicy.of(settings.outbox.allow_private, http=settings.outbox.allow_http)
    for place, webhook in enumerate(settings.outbox.webhooks):
        here: Location = ("outbox", "webhooks", place)
        try:
            policy.check(webhook.url)
            EventFilter.parse(webhook.query)
        except BridgeError as error:
            yield here, str(error)
        yield from _unresolved(settings, webhook.secret, (*here, "secret"))


def _unresolved(settings: Settings, reference: str, place: Location) -> Iterator[Mistake]:
    try:
        CredentialResolver(settings.credentials_file).resolve(reference)
    except AgentError as error:
        yield place, str(error)


def _folders(settings: Settings) -> Iterator[Mistake]:
    for name, paths in settings.catalog:
        files = name in OF_FILES
        for place, path in enumerate(paths):
            if not _leads(name, path):
                kind = "neither a file nor a folder" if files else "not a folder"
                yield ("catalog", name, place), f"{path} is {kind}; create it or take it out of the settings"
