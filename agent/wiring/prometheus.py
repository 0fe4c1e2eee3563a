"""What is sent on to the tools of Prometheus: samples, and alerts."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from agent.assurance.figures import Figures
from agent.metrics import Family
from agent.prometheus import alerting
from agent.prometheus.alerting import Alerting
from agent.prometheus.remote import service as remote_write
from agent.prometheus.remote.service import RemoteWrite
from agent.scheduler import Job
from agent.wiring.base import Base


class Prometheus:
    def __init__(self, base: Base, figures: Callable[[], Figures]) -> None:
        self._settings = base.settings
        self._alerting = Alerting(base.settings.alertmanager, base.database, base.clock, base.credentials.resolve)
        self._remote_write = self._sending(base, figures) if base.settings.remote_write.url else None

    def start(self, url: str) -> None:
        """Within the loop, once `url` of this daemon answers."""
        instance = urlsplit(url).netloc
        if self._remote_write:
            self._remote_write.start(instance)
        if self._settings.alertmanager.urls:
            self._alerting.start(url, instance)

    async def stop(self) -> None:
        if self._remote_write:
            await self._remote_write.stop()
        await self._alerting.stop()

    def jobs(self) -> Iterator[Job]:
        if self._remote_write:
            yield Job("remote write", remote_write.LOOK_EVERY, self._remote_write.look)
        if self._settings.alertmanager.urls:
            yield Job("alerts", alerting.LOOK_EVERY, self._alerting.look)

    def families(self) -> Iterator[Family]:
        if self._remote_write:
            yield from self._remote_write.families()
        yield from self._alerting.families()

    @staticmethod
    def _sending(base: Base, figures: Callable[[], Figures]) -> RemoteWrite:
        settings = base.settings
        return RemoteWrite(
            settings.remote_write, base.clock, base.credentials.resolve, lambda: figures().tracks.shown, settings.polling.interval_s
        )
