"""A few single objects of one element, read at once: what an event spoke of, as it really stands."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gufo.snmp import SnmpAuthError, SnmpError
from gufo.snmp.aio import SnmpSession

from drivers.errors import AuthenticationRefused, ElementTimeout, ElementUnreachable
from drivers.port import Target
from drivers.snmp import credentials

OBJECTS_PER_GET = 16


@dataclass(frozen=True, slots=True)
class ObjectReader:
    attempt_s: float = 1.0
    """Wait for one answer."""

    async def __call__(self, target: Target, objects: Sequence[str], deadline: float) -> Mapping[str, int | None]:
        """Object instance → its number, None where the element does not have it. Raises `ElementError`."""
        credentials.check(target)
        where, reference = f"SNMP agent at {target.host} port {target.port}", target.credential.reference
        try:
            async with asyncio.timeout(deadline):
                return await self._read(target, objects)
        except TimeoutError as error:
            raise ElementTimeout(target.element, f"{where} did not answer in time (credential {reference})") from error
        except SnmpAuthError as error:
            raise AuthenticationRefused(target.element, f"{where} refused credential {reference}; check user and keys") from error
        except (SnmpError, OSError, ValueError) as error:
            raise ElementUnreachable(target.element, f"{where}: {error}") from error
        except BaseException as error:
            # gufo's native core panics on some malformed answers, with an error that would end the daemon's loop
            if type(error).__module__ != "pyo3_runtime":
                raise
            raise ElementUnreachable(target.element, f"{where}: the answer is no SNMP message") from None

    async def _read(self, target: Target, objects: Sequence[str]) -> Mapping[str, int | None]:
        found: dict[str, int | None] = dict.fromkeys(objects)
        session = SnmpSession(
            await _address(target),
            target.port,
            community=target.credential.community,
            user=credentials.for_gufo(target.credential),
            timeout=self.attempt_s,
        )
        await session.refresh()
        for start in range(0, len(objects), OBJECTS_PER_GET):
            answer = await session.get_many(objects[start : start + OBJECTS_PER_GET])
            found |= {name: value for name, value in answer.items() if name in found and isinstance(value, int)}
        return found


async def _address(target: Target) -> str:
    """Gufo takes addresses only."""
    found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)
    return str(found[0][4][0])
