"""One demonstration of fabd, told to its end, that a real Prometheus has scraped from the beginning."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.demo.stage import Stage
from agent.demo.steps import STEPS
from agent.demo.story import Story
from tests.prometheus.programs import HOST, Alertmanager, Prometheus, eventually, free_port

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
SECOND = "1s"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.prometheus)


@dataclass(frozen=True, slots=True)
class Scene:
    stage: Stage
    story: Story
    prometheus: Prometheus
    receiver: Prometheus
    """Of what fabd sends; it scrapes nothing."""
    alertmanager: Alertmanager
    """Is told of alarms, and tells fabd of everything that it is told."""


@pytest.fixture(scope="session")
def scene(tmp_path_factory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    receives = Prometheus(folder / "receiver", {"global": {}}, "--web.enable-remote-write-receiver")
    port = free_port()
    told = f'[remote_write]\nurl = "{receives.url}/api/v1/write"\nlabels = {{ site = "lab" }}\n'
    told += f'[alertmanager]\nurls = ["http://{HOST}:{port}"]\nresend_s = 4\nlabels = {{ team = "noc" }}\n'
    with ExitStack() as stack:
        receiver = stack.enter_context(receives)
        stage = stack.enter_context(Stage(folder / "demo", datetime.now(UTC), more=told))
        alertmanager = stack.enter_context(Alertmanager(folder / "alertmanager", telling(stage), port))
        prometheus = stack.enter_context(Prometheus(folder / "prometheus", scraping(stage, folder)))
        story = Story(stage, datetime.now(UTC))
        outcomes = list(story.tell(STEPS))
        assert all(each.ok for each in outcomes), [each.problem for each in outcomes]
        eventually(lambda: prometheus.query("fabd_credits_total"), "what the story ended with to be scraped")
        yield Scene(stage, story, prometheus, receiver, alertmanager)


def scraping(stage: Stage, folder: Path) -> dict[str, Any]:
    """What fabd says is to be scraped, with the shipped rules, each second instead of each minute."""
    token = folder / "token"
    token.write_text(stage.token)
    authorization = {"type": "Bearer", "credentials_file": str(token)}  # 2.42 forgets the type in http_sd_configs
    discovery = {
        "url": f"{stage.url}/api/v1/prometheus/targets?shards=2",
        "refresh_interval": SECOND,
        "authorization": authorization,
    }
    return {
        "global": {"scrape_interval": SECOND, "evaluation_interval": SECOND},
        "rule_files": [str(_each_second(file, folder)) for file in RULES],
        "scrape_configs": [{"job_name": "fabd-all", "authorization": authorization, "http_sd_configs": [discovery]}],
    }


def telling(stage: Stage) -> dict[str, Any]:
    webhook = {
        "url": f"{stage.url}/api/v1/alertmanager",
        "send_resolved": True,
        "http_config": {"authorization": {"type": "Bearer", "credentials": stage.token}},
    }
    soon = {"group_wait": SECOND, "group_interval": SECOND, "repeat_interval": "1h"}
    return {
        "route": {"receiver": "fabd", "group_by": ["alertname"], **soon},
        "receivers": [{"name": "fabd", "webhook_configs": [webhook]}],
    }


def _each_second(file: Path, folder: Path) -> Path:
    document = yaml.safe_load(file.read_text())
    for group in document["groups"]:
        group["interval"] = SECOND
    changed = folder / file.name
    changed.write_text(yaml.safe_dump(document))
    return changed
