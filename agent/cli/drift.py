"""Drift on the command line: of elements (`fabd element …`) and of services (`fabd service …`)."""

import time
from typing import Annotated

import typer

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import FAILED, remote
from agent.cli.errors import CliError
from agent.cli.options import AsJson, DryRun, argument
from agent.cli.output import complain, note, print_json, say, show_rows, show_text
from agent.cli.resources import ROOT, texts

RUNS = f"{ROOT}/drift-runs"
LOOK_EVERY_S = 0.5
_PLAN_ENDED = {"done", "failed", "cancelled", "inDoubt"}

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="The element.", show_default=False)]
Everything = Annotated[bool, typer.Option("--all", help="Every element that services stand on.")]
Service = Annotated[str, argument("SERVICE", "Id of the service.")]


@remote
def check_sync(daemon: Daemon, name: Name = None, all_: Everything = False, as_json: AsJson = False) -> None:
    """Do elements hold what services own there? Ends with 1 when one does not. Role: operator.

    What others configured is not looked at. What has drifted raises an alarm, which clears when it is in sync again.
    """
    _elements(daemon, "check-sync", name, all_=all_, as_json=as_json)


@remote
def diff(daemon: Daemon, name: Name = None, all_: Everything = False, as_json: AsJson = False) -> None:
    """How do elements differ from the intent, and what would put them right? Ends with 1 when one differs. Role: operator."""
    _elements(daemon, "diff", name, all_=all_, as_json=as_json)


@remote
def redeploy(daemon: Daemon, name: Name = None, all_: Everything = False, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Put right what has drifted, by a plan through the network transaction. What others configured stays. Role: operator."""
    if _chosen(name, all_=all_) is None:
        _print_run(_through(daemon, "redeploy", dry_run=dry_run), as_json=as_json)
        return
    _redeployed(daemon, f"{ROOT}/elements/{segment(str(name))}", dry_run=dry_run, as_json=as_json)


@remote
def adopt(daemon: Daemon, name: Name = None, all_: Everything = False, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Take what stands on elements as the intent, where services can say it. Role: provisioner.

    Values of pools are given out by orders alone: what uses others than those is refused.
    """
    if _chosen(name, all_=all_) is None:
        _print_run(_through(daemon, "adopt", dry_run=dry_run), as_json=as_json)
        return
    done = daemon.post(f"{ROOT}/elements/{segment(str(name))}/adopt", {"dry_run": dry_run})
    if as_json:
        print_json(done)
        return
    _show([done["drift"]], payloads=False)
    services = ", ".join(texts(done["services"])) or "no service"
    say(f"{'would be' if dry_run else 'is'} the intent of {services} from now on")


@remote
def check_service(daemon: Daemon, service: Service, as_json: AsJson = False) -> None:
    """Does the service stand as it should, on every element? Ends with 1 when it does not. Role: operator."""
    _service(daemon, "check-sync", service, as_json=as_json)


@remote
def diff_service(daemon: Daemon, service: Service, as_json: AsJson = False) -> None:
    """How does what stands differ from what the service should be, and what would put it right? Role: operator."""
    _service(daemon, "diff", service, as_json=as_json)


@remote
def redeploy_service(daemon: Daemon, service: Service, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Put the service right on all its elements, in one network transaction. Role: operator."""
    _redeployed(daemon, f"{ROOT}/services/{segment(service)}", dry_run=dry_run, as_json=as_json)


def _chosen(name: str | None, *, all_: bool) -> str | None:
    if (name is None) != all_:
        raise typer.BadParameter("name an element, or give --all", param_hint="NAME")
    return name


def _elements(daemon: Daemon, verb: str, name: str | None, *, all_: bool, as_json: bool) -> None:
    if _chosen(name, all_=all_) is None:
        run = _through(daemon, verb, dry_run=False)
        _print_run(run, as_json=as_json)
        _end(_results(run))
        return
    found = daemon.post(f"{ROOT}/elements/{segment(str(name))}/{verb}", {})
    if as_json:
        print_json(found)
    else:
        _show([found], payloads=verb == "diff")
    _end([found])


def _service(daemon: Daemon, verb: str, service: str, *, as_json: bool) -> None:
    found = daemon.post_for_list(f"{ROOT}/services/{segment(service)}/{verb}")
    if as_json:
        print_json(found)
    else:
        _show(found, payloads=verb == "diff")
    _end(found)


def _end(found: list[Document]) -> None:
    if any(each["state"] == "drifted" for each in found):
        raise typer.Exit(FAILED)


def _redeployed(daemon: Daemon, path: str, *, dry_run: bool, as_json: bool) -> None:
    done = daemon.post(f"{path}/redeploy", {"dry_run": dry_run})
    plan_id = done["plan_id"]
    plan = _ended(daemon, plan_id) if plan_id else None
    if not as_json:
        _show(done["elements"], payloads=True)
        if plan:
            _tell(plan)
    stands = _compared_again(daemon, done["elements"]) if plan else {}
    if as_json:
        print_json(done | ({"plan": plan, "now": stands} if plan else {}))
    else:
        for element, state in stands.items():
            say(f"{element}: {state}")
    if plan and plan["state"] != "done":
        raise typer.Exit(FAILED)


def _tell(plan: Document) -> None:
    say(f"plan {plan['id']}: {plan['state']}; see: fabd plan show {plan['id']}")
    for failure in plan["failures"]:
        complain(f"{failure['element']}: {failure['message']}" if failure["element"] else failure["message"])


def _compared_again(daemon: Daemon, elements: list[Document]) -> dict[str, str]:
    """What the plan came to is what stands there now: so the alarm of an element that was put right ends at once.

    Where that cannot be asked it is unknown, and why is told: the plan has ended all the same.
    """
    found: dict[str, str] = {}
    for name in (str(each["element"]) for each in elements):
        try:
            found[name] = str(daemon.post(f"{ROOT}/elements/{segment(name)}/check-sync", {})["state"])
        except CliError as error:
            complain(f"{name} was not compared again: {error}")
            found[name] = "unknown"
    return found


def _ended(daemon: Daemon, plan_id: str) -> Document:
    """The plan has a deadline of its own, so this ends."""
    while True:
        plan = daemon.get(f"{ROOT}/plans/{segment(plan_id)}")
        if plan["state"] in _PLAN_ENDED:
            return plan
        time.sleep(LOOK_EVERY_S)


def _through(daemon: Daemon, verb: str, *, dry_run: bool) -> Document:
    """A run in the background, followed to its end: every element has a deadline, so there is one."""
    run = daemon.post(RUNS, {"verb": verb, "dry_run": dry_run})
    told = -1
    while run["state"] != "done":
        if len(_results(run)) != told:
            told = len(_results(run))
            note(f"{told} of {len(run['elements'])} elements")
        time.sleep(LOOK_EVERY_S)
        run = daemon.get(f"{RUNS}/{segment(run['id'])}")
    return run


def _results(run: Document) -> list[Document]:
    found: list[Document] = run["results"]
    return found


def _print_run(run: Document, *, as_json: bool) -> None:
    if as_json:
        print_json(run)
        return
    _show(_results(run), payloads=run["verb"] in {"diff", "redeploy"})
    for result in _results(run):
        if result.get("refused"):
            complain(f"{result['element']}: {result['refused']}")
        if result.get("plan_id"):
            say(f"{result['element']}: plan {result['plan_id']} is {result.get('plan_state', 'under way')}")
        if result.get("adopted"):
            say(f"{result['element']}: adopted by {', '.join(texts(result['adopted']))}")


def _show(found: list[Document], *, payloads: bool) -> None:
    show_rows([_row(each) for each in found], empty="there is nothing to compare: no service stands on an element")
    for each in found:
        lines = [*(f"- {line}" for line in texts(each["missing"])), *(f"+ {line}" for line in texts(each["unexpected"]))]
        if lines:
            show_text(f"\n{each['element']}: - should be there, + should not", "\n".join(lines))
        if payloads and each.get("payload"):
            show_text("what puts it right", each["payload"])


def _row(each: Document) -> dict[str, object]:
    return {
        "element": each["element"],
        "state": each["state"],
        "missing": len(each["missing"]),
        "unexpected": len(each["unexpected"]),
        "services": texts(each["services"]),
        "remark": each["reason"],
    }
