"""Collectors as typed."""

from pathlib import Path

import pytest

import policies

OWN = """\
name: own
platforms: [frr]
ask: {command: show sensors}
read: {json: 'sensors/{port}', fields: {celsius: reading}}
values: [{metric: temperature_celsius, value: celsius}]
samples:
  - answer: '{"sensors": {"eth1": {"reading": 31.5}}}'
    values: {eth1: {temperature_celsius: 31.5}}
"""


def test_a_collector_is_checked_on_its_own_samples(fabd, tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(OWN, encoding="utf-8")
    assert fabd.ok("collector", "check", str(file)).out == f"{file}: sound; own reads its 1 samples as they say\n"
    file.write_text(OWN.replace("{temperature_celsius: 31.5}}", "{temperature_celsius: 32}}"), encoding="utf-8")
    said = fabd("collector", "check", str(file))
    assert said.code == 1
    assert "own.yaml:7: samples[0]: finds the value 31.5 of eth1 temperature_celsius, not 32.0" in said.err


@pytest.mark.parametrize("path", sorted((Path(policies.__file__).parent / "collectors").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_collectors_are_examples_that_pass_their_own_check(fabd, path):
    assert "sound" in fabd.ok("collector", "check", str(path)).out


def test_a_daemon_that_asks_nobody_says_so(served, fabd):
    del served
    said = fabd("collector", "list")
    assert said.code == 1
    assert "this daemon asks no elements by collectors (setting collectors.enabled)" in said.err
    assert "tells who was asked" in fabd.ok("collector", "states").err
