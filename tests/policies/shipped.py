"""The specifications that come with fabd, read as the daemon reads them."""

from functools import cache
from pathlib import Path

import policies
from policies.specification import Specification, parse

FOLDER = Path(policies.__file__).parent / "specifications"
NAMES = tuple(sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir()))


@cache
def shipped(name: str) -> Specification:
    return parse(files(name), folder=name)


def files(name: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in (FOLDER / name).iterdir()}
