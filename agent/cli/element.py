"""`fabd element`: the devices, whether they are trusted, and the word about those in doubt."""

from typing import Annotated

import typer

from agent.cli import drift
from agent.cli.command import FAILED, local
from agent.cli.desk import Desk
from agent.cli.options import AsJson, Yes, argument
from agent.cli.output import complain, note, print_rows, say
from agent.cli.trust import Sight, keys_of, look, trust_state
from agent.fulfillment.plan import Verb
from agent.fulfillment.resolution import resolve as settle
from agent.fulfillment.views import HoldView, hold_views
from agent.security.audit import record
from drivers import hostkeys
from inventory.elements import Element, element, elements
from inventory.work import DatabaseQueue

app = typer.Typer(
    no_args_is_help=True,
    help="Network elements: list them, trust their host keys, settle those in doubt, compare them with the intent.",
)

for _name, _command in (
    ("check-sync", drift.check_sync),
    ("diff", drift.diff),
    ("redeploy", drift.redeploy),
    ("adopt", drift.adopt),
):
    app.command(_name)(_command)

_DEADLINE_S = 10.0


@app.command("list")
@local
def list_elements(desk: Desk, as_json: AsJson = False) -> None:
    """Every element: what it is, how it is managed, whether its keys are trusted, and which plan holds it."""
    with desk.reading() as session:
        found = elements(session)
        holds = {hold.element: hold for hold in hold_views(session)}
    rows = [_listed(desk, each, holds.get(each.name)) for each in found]
    print_rows(rows, as_json=as_json, empty="there are no elements; import them with `fabd inventory import FILE`")


@app.command()
@local
def trust(
    desk: Desk,
    names: Annotated[list[str] | None, argument("NAME", "Elements by name.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every element that is managed over SSH or NETCONF.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where another key is trusted: the element was replaced.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Fetch the host keys of elements, show them, and record those you agree to.

    Compare the fingerprints with the element's console before you agree: whoever has the key is taken for the element from then on.
    """
    if bool(names) == all_:
        raise typer.BadParameter("name the elements, or give --all", param_hint="NAME")
    with desk.reading() as session:
        chosen = elements(session) if all_ else tuple(element(session, name) for name in names or ())
    refused = 0
    for sight in look(chosen, desk.settings.known_hosts_file, _DEADLINE_S):
        refused += not _trusted(desk, sight, replace=replace, yes=yes)
    if refused:
        raise typer.Exit(FAILED)


@app.command()
@local
def resolve(
    desk: Desk,
    name: Annotated[str, argument("NAME", "The element in doubt.")],
    keep: Annotated[bool, typer.Option("--keep", help="Leave it as it is: it was put right by hand.")] = False,
    revert: Annotated[bool, typer.Option("--revert", help="Undo the whole plan, on every element.")] = False,
    replaced: Annotated[bool, typer.Option("--replaced", help="Another device stands in its place: nothing is to undo.")] = False,
) -> None:
    """Say what is to become of an element that a plan left in doubt; no other plan touches it until then."""
    said = [verb for verb, given in ((Verb.KEEP, keep), (Verb.REVERT, revert), (Verb.REPLACED, replaced)) if given]
    if len(said) != 1:
        raise typer.BadParameter("say one of --keep, --revert and --replaced", param_hint="--keep")
    at = desk.clock.now()
    with desk.database() as database, database.write() as session:
        hold = next((each for each in hold_views(session, in_doubt=True) if each.element == name), None)
        plan = settle(session, DatabaseQueue(database), name, said[0], by=desk.actor.name, at=at)
        before = {"plan": plan, "reason": hold.reason if hold else ""}
        record(session, desk.actor, "resolve", f"element {name}", at, before=before, after={"resolution": said[0].value})
    say(f"{name}: {said[0]}; the daemon carries it out, see: fabd plan show {plan}")


def _trusted(desk: Desk, sight: Sight, *, replace: bool, yes: bool) -> bool:
    """Whether the endpoint's key is trusted in the end."""
    if sight.failure is not None:
        complain(str(sight.failure))
        return False
    if sight.key in sight.before:
        say(f"{sight.title}: {sight.key} is trusted already")
        return True
    say(f"{sight.title}: {sight.key}")
    if sight.before and not replace:
        others = " or ".join(map(str, sight.before))
        complain(
            f"{sight.title}: {others} is trusted, and this is another key. Somebody may be in between; "
            "if the element was replaced, compare the key and repeat with --replace"
        )
        return False
    if not yes and not typer.confirm("is this the key of the element?", err=True):
        complain(f"{sight.title}: not trusted, nothing was recorded")
        return False
    _record(desk, sight)
    return True


def _record(desk: Desk, sight: Sight) -> None:
    assert sight.key is not None  # noqa: S101  a sight without a failure has a key
    hostkeys.record(desk.settings.known_hosts_file, sight.host, sight.port, sight.key)
    with desk.writing() as session:
        record(
            session,
            desk.actor,
            "trust",
            f"element {sight.element}",
            desk.clock.now(),
            before={"keys": [str(key) for key in sight.before]},
            after={"endpoint": sight.endpoint, "keys": [str(sight.key)]},
        )
    note(f"recorded in {desk.settings.known_hosts_file}")


def _listed(desk: Desk, found: Element, hold: HoldView | None) -> dict[str, object]:
    return {
        "element": found.name,
        "platform": found.platform,
        "role": found.role,
        "site": found.site,
        "managed by": [f"{way.protocol} {way.host}:{way.port}" for way in found.endpoints],
        "host keys": trust_state(keys_of(found, desk.settings.known_hosts_file)),
        "state": found.administrative,
        "plan": _held(hold),
    }


def _held(hold: HoldView | None) -> str:
    if hold is None:
        return ""
    return f"in doubt after {hold.plan_id}: {hold.reason}" if hold.in_doubt else f"held by {hold.plan_id}"
