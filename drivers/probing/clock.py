"""This machine's clock as it goes into test packets: NTP timestamps, and how far the kernel trusts them."""

import ctypes
import math
from dataclasses import dataclass
from functools import cache

NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
ERA = 1 << 32
"""Seconds of one turn of NTP's count."""
SECOND = 10**9
"""Nanoseconds."""
_UNSYNCHRONISED = 0x0040
_MOST_SCALE = 63
_LARGEST = 255


def ntp_of(nanoseconds: int) -> int:
    """Unix nanoseconds as 64 bits of NTP (RFC 5905 §6): 32 of seconds since 1900, 32 of their fraction."""
    seconds, rest = divmod(nanoseconds, SECOND)
    return ((seconds + NTP_EPOCH) & 0xFFFFFFFF) << 32 | (rest << 32) // SECOND


def unix_of(stamp: int, near: int) -> int:
    """Back to Unix nanoseconds, in the NTP era that is closest to `near` (Unix nanoseconds)."""
    seconds, fraction = stamp >> 32, stamp & 0xFFFFFFFF
    era = round((near // SECOND + NTP_EPOCH - seconds) / ERA)
    return (seconds + era * ERA - NTP_EPOCH) * SECOND + (fraction * SECOND >> 32)


@dataclass(frozen=True, slots=True)
class ErrorEstimate:
    """RFC 4656 §4.1.2: S, Z, scale and multiplier; the error is multiplier · 2^(scale - 32) seconds."""

    synchronised: bool
    """Whether the clock follows an outside source."""
    seconds: float = 0.0

    def pack(self) -> int:
        """16 bits. The multiplier is never 0, which would say that nobody can tell (it is then to be dropped)."""
        units = max(1.0, self.seconds * 2**32)
        scale = max(0, math.ceil(math.log2(units / _LARGEST)))
        multiplier = min(_LARGEST, max(1, math.ceil(units / (1 << scale))))
        return self.synchronised << 15 | min(_MOST_SCALE, scale) << 8 | multiplier

    @classmethod
    def unpack(cls, bits: int) -> "ErrorEstimate":
        return cls(bool(bits >> 15), (bits & 0xFF) * 2.0 ** ((bits >> 8 & 0x3F) - 32))


class _Timex(ctypes.Structure):
    """adjtimex(2), as far as it is read; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 256),
    )


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def own_estimate() -> ErrorEstimate:
    """What the kernel says of this machine's clock; not synchronised where it does not tell."""
    timex = _Timex()
    try:
        state = _library().adjtimex(ctypes.byref(timex))
    except (AttributeError, OSError):
        return ErrorEstimate(synchronised=False, seconds=1.0)
    return ErrorEstimate(state >= 0 and not timex.status & _UNSYNCHRONISED, timex.maxerror / 1e6)
