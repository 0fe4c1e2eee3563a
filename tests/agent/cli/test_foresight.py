"""Early warnings as typed."""

import pytest


@pytest.mark.usefixtures("prepared")
def test_the_rules_in_force_and_what_stands_are_shown(fabd):
    out = fabd.ok("foresight", "rules").out
    assert "above 10 for 15 min" in out
    assert "will be above 0.9 within 14 d" in out
    assert "8 deviations below what is usual for 15 min" in out
    assert {each["name"] for each in fabd.ok("foresight", "rules", "--json").json} >= {"discards-high", "pool-exhausts"}
    assert fabd.ok("foresight", "list").err == "nothing is foreseen\n"


def test_mistakes_in_rules_are_told_with_file_line_and_remedy(fabd, tmp_path):
    file = tmp_path / "own.yaml"
    rule = "  - {name: a, metric: in_bps, cause: tooMuch, text: too much, threshold: {raise_at: 1, clear_at: %s}}\n"
    file.write_text("rules:\n" + rule % "0.5", encoding="utf-8")
    assert fabd.ok("foresight", "check", str(file)).out.endswith("sound; 1 rules\n")
    file.write_text("rules:\n" + rule % "2", encoding="utf-8")
    said = fabd("foresight", "check", str(file))
    assert said.code == 1
    assert "own.yaml:2" in said.err
    assert "it would clear as it is raised" in said.err
