"""Sources become settings, or one line per mistake: source, key, what is wrong, remedy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from agent.config.settings import Settings
from agent.config.sources import Document, Location, Sources, names, read_sources
from agent.errors import ConfigurationError

LONGEST_SHOWN = 60
"""Characters of a wrong value that an error repeats."""


def load_settings(
    file: Path | None = None, flags: Document | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Read every source and merge; raises `ConfigurationError` with one line per mistake: source, key, what is wrong, remedy."""
    sources = read_sources(file, flags, environment)
    try:
        return Settings.model_validate(sources.merged())
    except ValidationError as error:
        raise ConfigurationError([_mistake(detail, sources) for detail in error.errors()]) from None


def _mistake(detail: Any, sources: Sources) -> str:  # noqa: ANN401  Pydantic's error dictionary
    location: Location = detail["loc"]
    where, message = sources.where(location), str(detail["msg"]).removeprefix("Value error, ")
    match detail["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key; {_suggestion(names(location, through=True))}"
        case "missing":
            return f"{where}: field required; set it"
        case "model_type" | "dict_type":
            message = "this is a section; set the keys in it, one by one"
        case "list_type":
            message = 'write a list, as ["…", "…"]'
    return f"{where}: {message[0].lower()}{message[1:]}{_found(location, detail['input'])}"


def _found(location: Location, value: object) -> str:
    """What stands there, unless that is long or may hold a password."""
    secret = location[0] == "database" or location[-1] == "secret" or "@" in str(value)
    if secret or not isinstance(value, str | int | float) or len(text := repr(value)) > LONGEST_SHOWN:
        return ""
    return f" (found {text})"


def _suggestion(keys: tuple[str, ...]) -> str:
    import difflib  # noqa: PLC0415  only when something is wrong

    model: Any = Settings
    for key in keys[:-1]:
        field = model.model_fields.get(key)
        model = field.annotation if field else None
        model = next(iter(get_args(model)), model)  # of a list's tables
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return "remove it"
    known = list(model.model_fields)
    close = difflib.get_close_matches(keys[-1], known, n=1) if keys else []
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
