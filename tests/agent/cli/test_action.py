"""Rules of actions as typed; what a daemon is asked for is tested where one runs (`tests/agent/test_actions.py`)."""

RULE = """
rules:
  - name: bounce
    title: shut a port for a moment
    deed: bounce-port
    trigger: {causes: [linkDown]}
    mode: %s
"""


def test_rules_of_one_s_own_are_read_before_a_daemon_meets_them(fabd, tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(RULE % "approve", encoding="utf-8")
    assert fabd.ok("action", "check", str(file)).out.endswith("sound; 1 rules\n")
    file.write_text(RULE % "sometimes", encoding="utf-8")
    said = fabd("action", "check", str(file))
    assert said.code == 1
    assert "own.yaml:7" in said.err
    assert "rules[0].mode" in said.err
