"""System calls on a socket that never wait, made without letting go of the interpreter.

Python lets another thread run during every call of a socket. Where a call only hands some hundred octets to the kernel (some
microseconds) and a dozen plans are under way, that thread keeps the interpreter for milliseconds, and each such call costs two
switches between threads: a third of what talking to an element cost. What may wait is waited for in Python's own way.

All raise `BlockingIOError` where they would have to wait, and other `OSError` as Python's sockets do.
"""

import ctypes
import operator
import os
import socket

_NEVER_WAIT = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
_LIBC = ctypes.PyDLL(None, use_errno=True)


class _Socket(ctypes.c_int):
    """Its number is asked for in the midst of the call: no other thread can close it, and give its number away, in between."""

    from_param = operator.methodcaller("fileno")  # not a function of ours: none of its steps gives another thread its turn


_send = _LIBC.send
_send.argtypes = (_Socket, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
_send.restype = ctypes.c_ssize_t
_recv = _LIBC.recv
_recv.argtypes = (_Socket, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
_recv.restype = ctypes.c_ssize_t


def send(connection: socket.socket, data: bytes) -> int:
    """How many octets the kernel took."""
    return _checked(_send(connection, data, len(data), _NEVER_WAIT))


def receive(connection: socket.socket, most: int) -> bytes:
    """What has come, at most so many octets; b"" at the end."""
    into = ctypes.create_string_buffer(most)
    count = _checked(_recv(connection, into, most, _NEVER_WAIT))
    return ctypes.string_at(into, count)


def readable(connection: socket.socket) -> bool:
    """Whether reading would not wait: something has come, or the end."""
    try:
        _checked(_recv(connection, _ONE, 1, _NEVER_WAIT | socket.MSG_PEEK))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


_ONE = ctypes.create_string_buffer(1)
"""Nobody reads it."""


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
