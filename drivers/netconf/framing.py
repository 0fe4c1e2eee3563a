"""Message framing (RFC 6242): end-of-message marker for base 1.0, chunks for base 1.1."""

import re

END = b"]]>]]>"
MAX_MESSAGE = 16 * 1024 * 1024
"""Octets of one message; a peer that sends more is not talking NETCONF."""
_MAX_HEADER = len(b"\n#4294967295\n")
_MAX_CHUNK = 4_294_967_295
_CHUNK = re.compile(rb"\n#([1-9]\d{0,8})\n")
_LAST = b"\n##\n"


class FramingError(ValueError):
    """The octets cannot be a message; the session has to end (RFC 6242, 4.2)."""


def encode(message: bytes, *, chunked: bool) -> bytes:
    return b"\n#%d\n%s\n##\n" % (len(message), message) if chunked else message + END


class Decoder:
    """Takes octets as they come, gives whole messages. Set `chunked` once both sides have said base 1.1."""

    def __init__(self) -> None:
        self.chunked = False
        self._buffer = bytearray()
        self._scanned = 0
        self._chunks: list[bytes] = []
        self._size = 0

    @property
    def held(self) -> int:
        """Octets that no message was made of yet."""
        return len(self._buffer) + self._size

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> bytes | None:
        """The next complete message, None until there is one. Raises FramingError."""
        if not self._buffer:
            return None
        return self._next_chunked() if self.chunked else self._next_marked()

    def _next_marked(self) -> bytes | None:
        end = self._buffer.find(END, self._scanned)
        self._check_size(end if end >= 0 else len(self._buffer))
        if end < 0:
            self._scanned = max(0, len(self._buffer) - len(END) + 1)
            return None
        message = bytes(self._buffer[:end])
        del self._buffer[: end + len(END)]
        self._scanned = 0
        return message

    def _next_chunked(self) -> bytes | None:
        if not self._chunks and (whole := self._next_whole()) is not None:
            return whole
        while (header := self._header()) is not None:
            start, length = header
            if length == 0:
                del self._buffer[:start]
                message, self._chunks, self._size = b"".join(self._chunks), [], 0
                return message
            self._check_size(self._size + length)
            if len(self._buffer) < start + length:
                return None
            self._chunks.append(bytes(self._buffer[start : start + length]))
            self._size += length
            del self._buffer[: start + length]
        return None

    def _next_whole(self) -> bytes | None:
        """A message of one chunk that is there as a whole, as nearly all are."""
        head = _CHUNK.match(self._buffer)
        if head is None:
            return None
        end = head.end() + int(head[1])
        if self._buffer[end : end + len(_LAST)] != _LAST:
            return None
        self._check_size(end)
        message = bytes(self._buffer[head.end() : end])
        del self._buffer[: end + len(_LAST)]
        return message

    def _header(self) -> tuple[int, int] | None:
        r"""Where the chunk's data starts and its length; length 0 is the end `\n##\n`. None while incomplete."""
        head = bytes(self._buffer[:_MAX_HEADER])
        if not b"\n#".startswith(head[:2]):
            raise FramingError(f"expected a chunk header, got {head[:16]!r}")
        end = head.find(b"\n", 2)
        if end < 0:
            if len(head) >= _MAX_HEADER:
                raise FramingError(f"chunk header too long: {head!r}")
            return None
        size = head[2:end]
        if size == b"#":
            if not self._chunks:
                raise FramingError("end of chunks without a chunk")
            return end + 1, 0
        if not size.isdigit() or size.startswith(b"0") or int(size) > _MAX_CHUNK:
            raise FramingError(f"chunk size {size!r} is not 1..{_MAX_CHUNK}")
        return end + 1, int(size)

    def _check_size(self, size: int) -> None:
        if size > MAX_MESSAGE:
            raise FramingError(f"message of more than {MAX_MESSAGE} octets")
