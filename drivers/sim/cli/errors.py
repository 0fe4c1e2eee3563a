"""What the command line says no with. Texts are those a Cisco IOS operator knows.

CliError
├── InvalidInput   the caret points at the word
├── Incomplete
├── Ambiguous
└── Refused        understood, but the element will not do it
"""


class CliError(Exception):
    """A line was not carried out; `lines()` is what the operator sees."""

    def lines(self, prompt_width: int) -> list[str]:
        """`prompt_width` is where the typed line starts on the screen, for the caret."""
        raise NotImplementedError


class InvalidInput(CliError):
    def __init__(self, column: int = 0) -> None:
        super().__init__(f"invalid input at column {column}")
        self.column = column

    def lines(self, prompt_width: int) -> list[str]:
        return [" " * (prompt_width + self.column) + "^", "% Invalid input detected at '^' marker.", ""]


class Incomplete(CliError):
    def lines(self, prompt_width: int) -> list[str]:  # noqa: ARG002 - no caret here
        return ["% Incomplete command.", ""]


class Ambiguous(CliError):
    def __init__(self, line: str) -> None:
        super().__init__(f"ambiguous: {line}")
        self.line = line

    def lines(self, prompt_width: int) -> list[str]:  # noqa: ARG002 - no caret here
        return [f'% Ambiguous command:  "{self.line}"']


class Refused(CliError):
    def lines(self, prompt_width: int) -> list[str]:  # noqa: ARG002 - no caret here
        return [f"% {self}"]
