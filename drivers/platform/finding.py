"""Where platforms are found: shipped here (`drivers/platforms/<name>`), by entry point, or in folders of the operator's own."""

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml
from pydantic import ValidationError

from drivers.errors import DriverSetupError
from drivers.platform.kind import Platform

ENTRY_POINTS = "fabd.platforms"
FILE = "platform.yaml"


@dataclass(frozen=True)
class Platforms:
    """Every platform that elements can have: those installed, and those in `folders` of the operator's own (one folder each).

    The folders are looked at once.
    """

    folders: tuple[Path, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Sorted. `DriverSetupError` when a folder is not there or brings a name that is taken."""
        return tuple(sorted({*platforms(), *self._own}))

    def load(self, name: str) -> Platform:
        return _named(name, load_platform(self.place(name)))

    def place(self, name: str) -> str:
        """What a driver loads it by (`Target.platform`): its name, or the path of its folder."""
        folder = self._own.get(name)
        return name if folder is None else f"{folder}/"

    @cached_property
    def _own(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for root in self.folders:
            if not root.is_dir():
                raise DriverSetupError(f"catalog.platforms: {root} is not a folder; create it or take it out of the settings")
            for folder in sorted(each for each in root.iterdir() if (each / FILE).is_file()):
                if folder.name in found or folder.name in platforms():
                    raise DriverSetupError(f"{folder}: there is a platform {folder.name} already; give this one another name")
                found[folder.name] = folder
        return found


@cache
def load_platform(name: str) -> Platform:
    """The platform of that name, or in the folder of that path (told by its slash). `DriverSetupError` names the remedy."""
    if "/" in name:
        return _read(Path(name))
    for known, folder in _folders().items():
        if known == name:
            return _named(name, _read(folder()))
    raise DriverSetupError(
        f"unknown platform {name!r}; known are {', '.join(platforms())}. Correct the element's platform, install the package that "
        f"brings it (entry point group {ENTRY_POINTS}), or name the folder that holds its own in catalog.platforms"
    )


def platforms() -> tuple[str, ...]:
    """Names of every installed platform, sorted."""
    return tuple(sorted(_folders()))


class _Folder:
    """Where a platform's data lies; a third party's package is imported only when it is asked for."""

    def __init__(self, package: str, *path: str) -> None:
        self._package, self._path = package, path

    def __call__(self) -> Traversable:
        try:
            return files(self._package).joinpath(*self._path)
        except (ImportError, TypeError) as error:
            raise DriverSetupError(f"platform package {self._package} cannot be imported: {error}; reinstall it") from error


def _folders() -> dict[str, _Folder]:
    shipped = {
        folder.name: _Folder("drivers", "platforms", folder.name)
        for folder in files("drivers").joinpath("platforms").iterdir()
        if folder.joinpath(FILE).is_file()
    }
    return {entry.name: _Folder(entry.value) for entry in entry_points(group=ENTRY_POINTS)} | shipped


def _read(folder: Traversable) -> Platform:
    place = folder.joinpath(FILE)
    try:
        return Platform.model_validate(yaml.safe_load(place.read_text("utf-8")))
    except OSError as error:
        raise DriverSetupError(f"platform folder {folder} has no readable {FILE}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DriverSetupError(f"{place} is not YAML: {error}") from error
    except ValidationError as error:
        mistakes = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'platform'}: {fault['msg']}" for fault in error.errors())
        raise DriverSetupError(f"{place}: {mistakes}") from error


def _named(name: str, platform: Platform) -> Platform:
    if platform.name != name:
        raise DriverSetupError(f"platform {name} calls itself {platform.name} in its {FILE}; make both names one")
    return platform
