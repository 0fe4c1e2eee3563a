"""`fabd foresight`: what fabd warns of before a service is hit, and the rules for that."""

import typer

from agent.assurance.history.foresight import Outlook, outlook
from agent.catalog import load_foresight
from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.files import check_each
from agent.cli.options import AsJson, Files
from agent.cli.output import print_json, print_rows
from agent.cli.words import when
from policies.detection.rules import Rule, parse_rules

app = typer.Typer(no_args_is_help=True, help="Early warnings: what will be at its limit or is unusual, and the rules for that.")


@app.command("list")
@local
def list_(desk: Desk, as_json: AsJson = False) -> None:
    """Warnings that stand, with what is to be said of them now: when a limit will be reached. They are alarms, too, and make no
    tickets.
    """
    with desk.reading() as session:
        found = outlook(session, load_foresight(desk.settings.catalog), desk.clock.now())
        rows = [_warning(each) for each in found]
    if as_json:
        print_json(rows)
        return
    print_rows([_short(row) for row in rows], as_json=False, empty="nothing is foreseen")


@app.command()
@local
def rules(desk: Desk, as_json: AsJson = False) -> None:
    """The rules in force, shipped and your own."""
    found = load_foresight(desk.settings.catalog)
    if as_json:
        print_json([rule.model_dump(mode="json", exclude_none=True) for rule in found])
        return
    print_rows([_rule(rule) for rule in found], as_json=False, empty="there are no rules")


@app.command()
@local
def check(desk: Desk, files: Files) -> None:
    """Read rules; each mistake is a line with its file, line and remedy."""
    del desk
    check_each(files, lambda text, name: f"{len(parse_rules(text, name))} rules")


def _warning(found: Outlook) -> dict[str, object]:
    return {
        "alarm": found.alarm.id,
        "rule": found.rule.name,
        "subject": found.subject,
        "metric": found.rule.metric,
        "since": found.alarm.raised_at.isoformat(),
        "value": found.value,
        "expected": found.expected.isoformat() if found.expected else None,
        "found": found.text,
    }


def _short(row: dict[str, object]) -> dict[str, object]:
    return {"alarm": row["alarm"], "rule": row["rule"], "since": when(str(row["since"])), "found": row["found"]}


def _rule(rule: Rule) -> dict[str, object]:
    return {"rule": rule.name, "metric": rule.metric, "warns": _when(rule), "alarm": rule.cause, "severity": rule.severity}


def _when(rule: Rule) -> str:
    side = "above" if rule.direction == "rising" else "below"
    if rule.threshold is not None:
        return f"{side} {rule.threshold.raise_at:g} for {rule.threshold.raise_after * 5} min"
    if rule.unusual is not None:
        return f"{rule.unusual.deviations:g} deviations {side} what is usual for {rule.unusual.raise_after * 5} min"
    if rule.trend is None:
        return ""
    return f"will be {side} {rule.trend.limit:g} within {rule.trend.horizon_days:g} d"
