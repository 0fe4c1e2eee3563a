"""The line discipline of a terminal: echo, backspace, Ctrl-U, Ctrl-C, Ctrl-Z; long lines are bounded."""

MAX_LINE = 4096
_BELL, _ERASE = "\a", "\b \b"
_ENDINGS = {"\x03": ("^C\r\n", ""), "\x1a": ("^Z\r\n", "end")}
"""Ctrl-C gives the line up, Ctrl-Z leaves configuration: what they echo and which line they stand for."""
_ERASERS = {"\b": 1, "\x7f": 1, "\x15": None}
"""How many characters go; None is the whole line (Ctrl-U)."""


class LineEditor:
    """Feed what arrives, get what to echo and which lines are complete."""

    def __init__(self, *, echo: bool = True) -> None:
        self._line = ""
        self._echo = echo
        self._after_return = False

    def feed(self, data: str) -> list[tuple[str, str | None]]:
        """(echo, completed line or None) in order."""
        events: list[tuple[str, str | None]] = []
        for character in data:
            event = self._character(character)
            if event is not None:
                events.append(event if self._echo else ("", event[1]))
        return _joined(events)

    def _character(self, character: str) -> tuple[str, str | None] | None:
        returned, self._after_return = self._after_return, character == "\r"
        if character == "\n" and returned:
            return None  # the second half of CR LF
        if character in "\r\n":
            return "\r\n", self._take()
        if character in _ENDINGS:
            self._line = ""
            return _ENDINGS[character]
        if character in _ERASERS:
            gone = len(self._line) if _ERASERS[character] is None else min(1, len(self._line))
            self._line = self._line[: len(self._line) - gone]
            return _ERASE * gone, None
        return self._printable(character)

    def _printable(self, character: str) -> tuple[str, None]:
        if not character.isprintable() or len(self._line) >= MAX_LINE:
            return _BELL, None
        self._line += character
        return character, None

    def _take(self) -> str:
        line, self._line = self._line, ""
        return line


def _joined(events: list[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """Echoes of one line put together, so that it is one write."""
    joined: list[tuple[str, str | None]] = []
    echo = ""
    for text, line in events:
        echo += text
        if line is not None:
            joined.append((echo, line))
            echo = ""
    return [*joined, (echo, None)] if echo else joined
