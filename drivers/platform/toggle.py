"""How a port is opened and shut in a platform's own language."""

from typing import Self

from pydantic import model_validator

from drivers.platform.data import Data


class Toggle(Data):
    """Both sides as a template would render them; `{port}` is the port's name, `{if_index}` its ifIndex."""

    open: str = ""
    """What an open port says; "" where only a shut one says something."""
    shut: str

    @model_validator(mode="after")
    def _names_a_port(self) -> Self:
        for side in (self.open, self.shut):
            try:
                side.format(port="", if_index=1)
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError(f"only {{port}} and {{if_index}} can be filled in: {error}") from error
        if "{port}" not in self.shut and "{if_index}" not in self.shut:
            raise ValueError("`shut` names no port; write {port} or {if_index} where it stands")
        return self

    def texts(self, port: str, if_index: int | None) -> tuple[str, str]:
        """Open and shut. `ValueError` when the ifIndex is needed and not known."""
        if if_index is None and "{if_index}" in self.open + self.shut:
            raise ValueError(f"the ifIndex of {port} is not known; let the element be polled once, or import it")
        return self.open.format(port=port, if_index=if_index), self.shut.format(port=port, if_index=if_index)
