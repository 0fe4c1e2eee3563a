"""The specifications that come with fabd, read as the daemon reads them."""

from functools import cache
from pathlib import Path

import policies
from policies.specification import FILE, Specification, parse

FOLDER = Path(policies.__file__).parent / "specifications"
NAMES = tuple(sorted(folder.name for folder in FOLDER.iterdir() if (folder / FILE).is_file()))


@cache
def shipped(name: str) -> Specification:
    return parse(files(name), folder=name)


def files(name: str) -> dict[str, str]:
    folder = FOLDER / name
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
