"""`fabd events`: what elements say unasked, what becomes of it, and the rules for that."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.assurance.events.recording import becomes, read
from agent.assurance.events.translation import Event, Translation
from agent.catalog import load_translations
from agent.cli.client import Daemon, Document
from agent.cli.command import local, remote
from agent.cli.desk import Desk
from agent.cli.errors import FileUnusable
from agent.cli.files import check_each, read_text, write_text
from agent.cli.options import AsJson, Files, InputFile, Limit
from agent.cli.output import note, print_json, print_rows, print_text, show_facts, show_rows
from agent.cli.resources import ROOT, filters, print_list
from agent.cli.words import when
from policies.translating import CompiledRule, parse_translation

app = typer.Typer(no_args_is_help=True, help="What elements say: traps, syslog, notifications; the rules for them, and recordings.")

AT_ONCE = 1000
"""Lines handed to the daemon in one request."""


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    source: Annotated[
        str, typer.Option("--source", help="trap, syslog or notification; or poll, verify, service, books for what was read.")
    ] = "trap,syslog,notification",
    element: Annotated[str | None, typer.Option("--element", metavar="NAME", help="Of this element only.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """What was said and kept as evidence, the latest first; with --json in full."""
    wanted = filters(element=element) | {"source": source}
    empty = "nothing of the kind was said; `fabd events status` tells what becomes of events"
    print_list(daemon, f"{ROOT}/observations", wanted, _observation, limit=limit, as_json=as_json, empty=empty)


@app.command()
@remote
def status(daemon: Daemon, as_json: AsJson = False) -> None:
    """How much is heard, what becomes of it, whose events are lost, and who is not believed."""
    found = daemon.get(f"{ROOT}/intake")
    if as_json:
        print_json(found)
        return
    for name in ("traps", "syslog"):
        counts = found[name]
        told = {key.replace("_", " "): f"{count:,}" for key, count in counts.items() if count} if counts else {"": "nobody listens"}
        show_facts(name, told or {"": "nothing heard"})
    dropped = ", ".join(f"{reason} {count:,}" for reason, count in sorted(found["dropped"].items()))
    show_facts("events", {"processed": f"{found['processed']:,}", "waiting": found["waiting"], "led to nothing": dropped})
    show_facts("notifications", found["notifications"] or {"": "no element is subscribed to"})
    troubles = [{"element": name, "trouble": "storm", "number": count, "what": "lost"} for name, count in found["storms"].items()]
    troubles += [
        {"element": name, "trouble": "too many conditions", "number": count, "what": "left out"}
        for name, count in found["crowds"].items()
    ]
    troubles += [
        {"element": name, "trouble": "not believed", "number": count, "what": reason}
        for name, reasons in found["disbelieved"].items()
        for reason, count in reasons.items()
    ]
    troubles += [
        {"element": f"({each['source']})", "trouble": "stranger", "number": each["messages"], "what": each["reason"]}
        for each in found["strangers"]
    ]
    show_rows(troubles, empty="no storms, and no strangers")


@app.command()
@local
def rules(desk: Desk, as_json: AsJson = False) -> None:
    """The rules in force, in the order in which they are tried."""
    found = load_translations(desk.settings.catalog).rules
    if as_json:
        print_json([{"name": rule.name, **rule.rule.model_dump(mode="json", exclude={"name"})} for rule in found])
        return
    print_rows([_rule(rule) for rule in found], as_json=False, empty="there are no rules")


@app.command()
@local
def check(desk: Desk, files: Files) -> None:
    """Read rules and try them on their own samples; each mistake is a line with its file, line and remedy."""
    del desk
    check_each(files, _sound)


def _sound(text: str, name: str) -> str:
    found = parse_translation(text, name)
    return f"{len(found.rules)} rules translate their {sum(len(rule.samples) for rule in found.rules)} samples"


@app.command()
@local
def replay(desk: Desk, file: InputFile, as_json: AsJson = False) -> None:
    """Say for each event of a recording what it would become. Lines that are no JSON are taken for syslog messages.

    Without a daemon nothing is known of elements; `fabd events apply` asks one.
    """
    translation = Translation(load_translations(desk.settings.catalog))
    _show([becomes(event, translation) for event in _events(file)], as_json=as_json)


@app.command()
@remote
def apply(daemon: Daemon, file: InputFile, as_json: AsJson = False) -> None:
    """Hand the events of a recording to the daemon, as if their elements had sent them; it reads what they speak of."""
    lines = _lines(file)
    told: list[dict[str, Any]] = []
    for start in range(0, len(lines), AT_ONCE):
        told += daemon.post(f"{ROOT}/intake", {"lines": lines[start : start + AT_ONCE]})["events"]
    _show(told, as_json=as_json)


@app.command()
@remote
def record(
    daemon: Daemon,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Where to write; standard output by default.")] = None,
) -> None:
    """Write the events that the daemon heard last as a recording, one JSON object a line."""
    lines = daemon.get(f"{ROOT}/intake/recent")["lines"]
    text = "".join(f"{line}\n" for line in lines)
    if file is None:
        print_text(text)
        return
    write_text(file, text)
    note(f"{len(lines)} events written to {file}")


def _lines(file: Path) -> list[str]:
    """Whatever octets elements put into a message: it is read as the daemon hears it."""
    return [line for line in read_text(file, errors="replace").split("\n") if line.strip()]


def _events(file: Path) -> Iterator[Event]:
    now = datetime.now(UTC)
    for number, line in enumerate(_lines(file), start=1):
        try:
            yield read(line, now)
        except ValueError as error:
            raise FileUnusable(f"{file}:{number}: {error}; `fabd events record` shows how such a line looks") from None


def _show(told: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(list(told))
        return
    show_rows([_becomes(each) for each in told], empty="the file holds no events")
    known = sum(bool(each["rule"]) for each in told)
    note(f"{known} of {len(told)} events are known to a rule")


def _becomes(told: dict[str, Any]) -> dict[str, object]:
    where = f"{told['element'] or told['source']}" + (f"/{told['object']}" if told["object"] else "")
    return {"event": told["event"], "rule": told["rule"], "means": told["means"], "about": where, "alarm": told["alarm"]}


def _observation(found: Document) -> dict[str, object]:
    detail = found["detail"]
    said = detail.get("line") or detail.get("trapOid") or detail.get("notification") or detail.get("text", "")
    return {
        "at": when(found["at"]),
        "element": found["element"],
        "object": found["object"],
        "source": found["source"],
        "finding": found["finding"],
        "times": detail.get("times", 1),
        "said": said,
    }


def _rule(compiled: CompiledRule) -> dict[str, object]:
    rule = compiled.rule
    back = rule.read_back.object if rule.read_back else f"nothing: {rule.word_only}" if rule.alarm else "ports"
    return {
        "rule": compiled.name,
        "knows": ", ".join(rule.trap) or rule.syslog or rule.notification,
        "means": rule.means,
        "alarm": rule.alarm.cause if rule.alarm else "",
        "reads back": back if rule.means != "nothing" else "",
    }
