"""Commands that are listed at once and loaded when they are called: half of the program is not read to print a list."""

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import Any

from typer.core import TyperCommand
from typer.main import get_group


class Later(TyperCommand):
    """Stands for a command, or for a group of commands, of the module of its name in `agent.cli`.

    The module's `app` holds the group's commands, or the one command under that name. `title` is for the list; asked for its own
    help, the command answers itself.
    """

    def __init__(self, name: str, *, title: str, panel: str) -> None:
        super().__init__(name, help=title, rich_help_panel=panel)
        self._module = name

    @cached_property
    def loaded(self) -> Any:  # noqa: ANN401  Typer's command classes have no public name
        group = get_group(import_module(f"agent.cli.{self._module}").app)
        command = group.commands.get(self._module, group)
        command.name = self._module
        return command

    @property
    def commands(self) -> Mapping[str, Any]:
        """Of a group."""
        return getattr(self.loaded, "commands", {})

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401  as above
        return self.loaded.make_context(info_name, args, parent, **extra)
