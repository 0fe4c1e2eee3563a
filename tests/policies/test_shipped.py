"""The agreements and tariffs that travel with the product can be read, and say what they are called."""

from pathlib import Path

import pytest

import policies
from policies.sla import parse_sla
from policies.tariff import parse_tariff

ROOT = Path(policies.__file__).parent


@pytest.mark.parametrize("path", sorted((ROOT / "slas").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_sla(path: Path) -> None:
    assert parse_sla(path.read_text("utf-8"), path.name).name == path.stem


@pytest.mark.parametrize("path", sorted((ROOT / "tariffs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_tariff(path: Path) -> None:
    assert parse_tariff(path.read_text("utf-8"), path.name).name == path.stem
