"""What all commands have in common: the options that each of them takes, and errors that end as a line and an exit code.

Exit codes: 0 done, 1 failed or refused, 2 wrongly called, 130 interrupted.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Concatenate, ParamSpec, TypeVar

import typer
from typer.exceptions import TyperException

from agent.cli.client import Daemon, connect
from agent.cli.desk import Desk, desk
from agent.cli.known import DATABASE, KNOWN, is_one_of
from agent.cli.output import complain

P = ParamSpec("P")
T = TypeVar("T")

FAILED, INTERRUPTED = 1, 130

_PANEL = "Everywhere"
_CONFIG = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file instead of ./fabd.toml (FABD_CONFIG).", rich_help_panel=_PANEL),
]
_DEBUG = Annotated[bool, typer.Option("--debug", help="Show where in the program an error comes from.", rich_help_panel=_PANEL)]
_URL = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        envvar="FABD_URL",
        show_envvar=False,
        help="Address of the daemon; by default that of the settings (FABD_URL).",
        rich_help_panel=_PANEL,
    ),
]
_TOKEN = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        envvar="FABD_TOKEN",
        show_envvar=False,
        help="API token; better kept in FABD_TOKEN or by `fabd token create --save`.",
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True, slots=True)
class Everywhere:
    """Values of the options that every command takes."""

    config: Path | None
    debug: bool
    url: str | None
    token: str | None


def local(function: Callable[Concatenate[Desk, P], None]) -> Callable[..., None]:
    """A command that needs no daemon; its function is given the `Desk`."""
    return _command(function, lambda given: nullcontext(desk(given.config)), asks_daemon=False)


def remote(function: Callable[Concatenate[Daemon, P], None]) -> Callable[..., None]:
    """A command that asks the running daemon; its function is given the `Daemon`."""
    return _command(function, lambda given: connect(desk(given.config), given.url, given.token), asks_daemon=True)


@contextmanager
def boundary(*, debug: bool) -> Iterator[None]:
    """Turns errors into a line on standard error and an exit code."""
    try:
        yield
    except (TyperException, typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise  # Typer ends quietly
    except Exception as error:
        if debug:
            raise
        complain(_told(error))
        raise typer.Exit(FAILED) from None


def _told(error: Exception) -> str:
    if is_one_of(error, KNOWN):
        return str(error)
    if is_one_of(error, DATABASE):
        return f"the database refuses: {_first_line(getattr(error, 'orig', None) or error)}; look at it with `fabd db check`"
    what = ": ".join(filter(None, (type(error).__name__, _first_line(error))))
    return f"fabd made a mistake ({what}); run the command again with --debug to see where, and report it"


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def _command(
    function: Callable[Concatenate[T, P], None], make: Callable[[Everywhere], AbstractContextManager[T]], *, asks_daemon: bool
) -> Callable[..., None]:
    """The function without its first parameter and with the options of every command."""
    untyped: Callable[..., None] = function  # Typer gives what the signature below asks for

    @wraps(function)
    def command(context: typer.Context, **values: object) -> None:
        given = Everywhere(
            config=_path(values.pop("config_file")) or _path(_root(context, "config")),
            debug=bool(values.pop("debug_errors")) or bool(_root(context, "debug")),
            url=_text(values.pop("daemon_url", None)),
            token=_text(values.pop("daemon_token", None)),
        )
        with boundary(debug=given.debug), make(given) as first:
            untyped(first, **values)

    own = list(inspect.signature(function).parameters.values())[1:]
    added = [_option("daemon_url", _URL, None), _option("daemon_token", _TOKEN, None)] if asks_daemon else []
    added += [_option("config_file", _CONFIG, None), _option("debug_errors", _DEBUG, False)]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    command.__signature__ = inspect.Signature([context, *own, *added])  # type: ignore[attr-defined]
    return command


def _option(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _root(context: typer.Context, name: str) -> object:
    """The option as given before the command's name."""
    return (context.find_root().obj or {}).get(name)


def _path(value: object) -> Path | None:
    return value if isinstance(value, Path) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
