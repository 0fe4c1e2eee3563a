"""One question at a time: GETs that stand alone, and walks by GETBULK that are bounded in rows, time and direction."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.port import Target
from drivers.snmp import asking, ber, oids
from drivers.snmp.batch import PortRef, Reason
from drivers.snmp.ber import Binding
from drivers.snmp.errors import BerError, WalkRefused
from drivers.snmp.mailroom import Ask, Mailroom, Wrong, tell
from drivers.snmp.reading import whole
from drivers.snmp.speech import Speech, Wish
from drivers.snmp.visit import described

LATE_S = 5.0
"""The mailroom tells of every question in time; should it fail to, nobody waits for it longer than that."""
MAX_ROWS = 10_000
REPETITIONS = 25
_MAX_IF_INDEX = 2**31 - 1
"""InterfaceIndex (RFC 2863)."""
_OCTETS, _END_OF_VIEW = 0x04, 0x82


@dataclass(frozen=True, slots=True)
class Asker:
    """Speaks to one element until `deadline` (monotonic); raises `ElementError`."""

    target: Target
    speech: Speech
    mailroom: Mailroom
    deadline: float
    attempt: float
    """Seconds to wait for one answer; a second try has what is left."""

    async def get(self, wish: Wish) -> Mapping[str, Binding]:
        """Object identifier → what the element has there; asked a second time where nothing comes."""
        wrong = Wrong(Reason.TIMEOUT, "")
        for last in (False, True):
            left = self.deadline - time.monotonic()
            found = await self._once(wish, left if last else min(self.attempt, left / 2))
            if isinstance(found, bytes):
                try:
                    return {binding.oid: binding for binding in ber.response_pdu(found).bindings}
                except BerError as error:
                    raise described(self.target, Reason.PROTOCOL, f"the answer cannot be read: {error}") from error
            wrong = found
            if wrong.reason is not Reason.TIMEOUT:
                break
        raise described(self.target, wrong.reason, wrong.detail)

    def uptime(self, found: Mapping[str, Binding]) -> int:
        uptime = whole(found.get(oids.SYS_UPTIME), narrow=True)
        if uptime is None:
            raise described(self.target, Reason.PROTOCOL, "the answer carries no sysUpTime")
        return uptime

    async def walk(self, column: str) -> dict[int, Binding]:
        """Last sub-identifier → value; only as long as identifiers grow."""
        rows: dict[int, Binding] = {}
        prefix, at, last = f"{column}.", column, -1
        while True:
            wish = Wish(asking.GET_BULK, asking.varbind(asking.encode_oid(asking.arcs(at))), 0, REPETITIONS)
            found = await self.get(wish)
            for identifier, binding in found.items():
                if not identifier.startswith(prefix) or binding.tag == _END_OF_VIEW:
                    return rows
                index = int(identifier.rpartition(".")[2])
                if index <= last:
                    raise WalkRefused(self.target.element, f"walk of {column} does not advance after index {last}; the agent loops")
                if len(rows) >= MAX_ROWS:
                    raise WalkRefused(self.target.element, f"walk of {column} has more than {MAX_ROWS} rows; gave up")
                rows[index] = binding
                at, last = identifier, index
            if not found:
                return rows

    async def _once(self, wish: Wish, seconds: float) -> bytes | Wrong:
        if seconds <= 0:
            return Wrong(Reason.TIMEOUT, "")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes | Wrong] = loop.create_future()

        def done(found: bytes | Wrong) -> None:
            tell(loop, lambda: None if answer.done() else answer.set_result(found))

        address = self.speech.endpoint.address
        try:
            self.mailroom.hand_in(Ask(self.speech, address, wish=wish, timeout=seconds, done=done))
            async with asyncio.timeout(seconds + LATE_S):
                return await answer
        except TimeoutError:
            return Wrong(Reason.TIMEOUT, "")
        except (OSError, RuntimeError) as error:
            return Wrong(Reason.UNREACHABLE, f"fabd cannot ask it: {error}")


async def discover(asker: Asker) -> tuple[PortRef, ...]:
    """Every port by ifName, or by ifDescr where the agent has no ifXTable."""
    names = await asker.walk(oids.IF_NAME) or await asker.walk(oids.IF_DESCR)
    return tuple(
        PortRef(index, binding.value.decode("utf-8", "replace"))
        for index, binding in names.items()
        if binding.tag == _OCTETS and isinstance(binding.value, bytes) and index <= _MAX_IF_INDEX
    )
