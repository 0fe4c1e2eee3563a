"""Files that commands are given."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import yaml

from agent.cli.errors import FileUnusable
from agent.cli.output import say

STDIN = Path("-")
MOST_BYTES = 64 * 1024 * 1024


def read_text(path: Path, *, errors: Literal["strict", "replace"] = "strict") -> str:
    """UTF-8; `-` is standard input. Raises `FileUnusable`. `errors`: what is to be done about octets that are none."""
    try:
        raw = sys.stdin.buffer.read(MOST_BYTES + 1) if path == STDIN else _read(path)
        if len(raw) > MOST_BYTES:
            raise FileUnusable(f"{path} is larger than {MOST_BYTES} bytes; split it")
        return raw.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        raise FileUnusable(f"{path} is not UTF-8 at byte {error.start}; convert it") from None


def read_object(path: Path) -> dict[str, Any]:
    """A JSON or YAML object. Raises `FileUnusable`."""
    text = read_text(path)
    try:
        data = yaml.safe_load(text) if path.suffix.lower() in {".yaml", ".yml"} else json.loads(text)
    except json.JSONDecodeError as error:
        raise FileUnusable(f"{path}:{error.lineno}: not JSON at column {error.colno}: {error.msg}; correct it") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise FileUnusable(f"{path}:{line}: not YAML: {getattr(error, 'problem', error)}; correct it") from None
    except RecursionError:
        raise FileUnusable(f"{path}: nested too deeply; flatten it") from None
    if not isinstance(data, dict):
        raise FileUnusable(f"{path}: holds no object; begin it with {{ or with a key")
    return data


def check_each(files: Iterable[Path], told: Callable[[str, str], str]) -> None:
    """Say of each file that it is sound, and what `told` makes of its text and name; the first that is not ends it."""
    for file in files:
        say(f"{file}: sound; {told(read_text(file), str(file))}")


def write_text(path: Path, text: str) -> None:
    """Raises `FileUnusable`."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileUnusable(f"{path} cannot be written: {error.strerror}; name another file") from error


def write_bytes(path: Path, data: bytes) -> None:
    """Raises `FileUnusable`."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise FileUnusable(f"{path} cannot be written: {error.strerror}; name another file") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise FileUnusable(f"{path} cannot be read: {error.strerror}; give the path of a readable file") from error
