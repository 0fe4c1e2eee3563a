"""`fabd spec new`, `check` and `render`: what an author of specifications does."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from agent.authoring.errors import FolderTaken, NoSuchSample, NotRealised
from agent.authoring.examine import Examination, Pools, Report
from agent.authoring.scaffold import MODELS, scaffold
from agent.authoring.sketch import sketch
from agent.authoring.trial import Outcome, Trial, first_trial
from agent.catalog import load_catalog, specification_texts, texts_of
from agent.cli.command import FAILED, local
from agent.cli.desk import Desk
from agent.cli.errors import FileUnusable, NoDatabase
from agent.cli.files import read_object, read_text, write_text
from agent.cli.options import AsJson, argument
from agent.cli.output import note, print_json, say, show_facts, show_text
from agent.errors import AgentError
from drivers.platform import Platform
from inventory.document import read_document
from inventory.source import Source
from inventory.tables import PoolRow
from policies.errors import InvalidPolicy, NotInCatalog, Problem, Refused
from policies.specification import FILE, LayoutKind, Sample, Specification, parse

_WORD = re.compile(r"[a-z][a-z0-9-]*")
_OWN = Annotated[str, argument("NAME|FOLDER", "A specification, or the folder of your own (told by a slash, or that it is there).")]
_SET = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One characteristic; JSON values are read as such.")
]


@local
def new(
    desk: Desk,
    name: Annotated[str, argument("NAME", "What orders will call it: small letters, digits and dashes.")],
    *,
    layout: Annotated[
        str, typer.Option("--layout", metavar="LAYOUT", help=f"How it lies on the network: {', '.join(get_args(LayoutKind))}.")
    ] = "",
    platforms: Annotated[
        str, typer.Option("--platforms", metavar="A,B", help="Platforms to begin templates for; all that there are without.")
    ] = "",
    like: Annotated[str, typer.Option("--like", metavar="NAME", help="Begin from this specification.")] = "",
    into: Annotated[Path, typer.Option("--in", metavar="FOLDER", help="Where the new folder is made.")] = Path(),
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="What people call it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make the folder of a new specification: a sound one, to be changed into what it shall be.

    It begins as the shipped product of that layout. Then: change spec.yaml, its templates and samples, and check them.
    """
    if not _WORD.fullmatch(name):
        raise typer.BadParameter(f"{name!r} is no name: small letters, digits and dashes, a letter first", param_hint="NAME")
    model = like or _model(layout)
    texts = specification_texts(desk.settings.catalog)
    if model not in texts:
        raise NotInCatalog("service specification", model, list(texts))
    files = scaffold(
        name, title or name.replace("-", " ").capitalize(), texts[model], [each for each in platforms.split(",") if each]
    )
    spec = parse(files, folder=name)
    folder = into / name
    _write(folder, files)
    if as_json:
        print_json({"name": spec.name, "folder": str(folder), "layout": spec.layout, "files": sorted(files)})
        return
    say(f"made {folder} from {model}: {', '.join(sorted(files))}")
    say(f"change them, then look: fabd spec check {_shown(folder)}")


@local
def check(
    desk: Desk,
    name: _OWN,
    inventory: Annotated[
        Path | None, typer.Option("--inventory", metavar="FILE", help="Look for pools in this file; in the database without.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a specification: its form, expressions and templates, and what its samples become on every platform it is for.

    Each mistake is named with file, line and path. No element is asked and nothing is changed.
    """
    files, folder = _files(desk, name)
    spec = parse(files, folder=folder)
    pools = _pools_of(inventory) if inventory else _pools_here(desk)
    report = Examination(spec, files, folder, _platforms(desk), pools).report()
    problems = (*report.problems, *_bad_references(desk, spec, folder))
    if as_json:
        print_json(_document(spec, report, problems))
        if problems:
            raise typer.Exit(FAILED)
        return
    for remark in report.notes:
        note(f"note: {remark}")
    if problems:
        raise InvalidPolicy(problems)
    say(f"{spec.name} {spec.version} is sound; it can be realised on {', '.join(report.shown) or 'no installed platform'}")
    for platform, samples in report.shown.items():
        say(f"  {platform}: {', '.join(samples) or 'not shown by any sample'}")


@local
def render(
    desk: Desk,
    name: _OWN,
    *,
    platform: Annotated[
        str, typer.Option("--platform", metavar="P", help="Show it on this platform by a sample, without inventory and database.")
    ] = "",
    sample: Annotated[
        str, typer.Option("--sample", metavar="NAME|FILE", help="The sample to render; the first that fits without.")
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Characteristics as a JSON or YAML object; - is standard input."),
    ] = None,
    values: _SET = None,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option("--diff", metavar="OLD NEW", help="Show what is sent to change one sample (name or FILE) into another."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what an order would put on which element.

    With --platform: from a sample, on a made-up network. Without: with these characteristics on the inventory as it is; values are
    taken from the pools as for an order, and given back. No element is asked and nothing is kept.
    """
    files, folder = _files(desk, name)
    spec = parse(files, folder=folder)
    given = {**(read_object(file) if file else {}), **dict(_assigned(text) for text in values or ())}
    if not platform:
        if sample or diff:
            raise typer.BadParameter("samples are rendered for a platform; name it with --platform", param_hint="--sample, --diff")
        _render_order(desk, spec, given, as_json=as_json)
        return
    platforms = _platforms(desk)
    if platform not in platforms:
        raise typer.BadParameter(f"{platform!r} is not installed; there are {', '.join(platforms)}", param_hint="--platform")
    if diff:
        _render_change(spec, platforms[platform], platforms, diff, as_json=as_json)
    else:
        _render_sample(_trial(spec, sample, given, platforms[platform], platforms), as_json=as_json)


def _render_order(desk: Desk, spec: Specification, characteristics: Mapping[str, Any], *, as_json: bool) -> None:
    with desk.reading() as session:
        drawn = sketch(session, spec, characteristics, desk.clock.now(), desk.platforms)
    if as_json:
        print_json(drawn.to_document())
    else:
        _show(drawn.name, drawn.values, drawn.texts)


def _render_sample(trial: Trial, *, as_json: bool) -> None:
    outcome = trial.outcome()
    if as_json:
        print_json(_outcome(outcome))
        return
    _show(outcome.name, outcome.values, outcome.texts)
    for probe in outcome.measured:
        port = f" port {probe.port}" if probe.kind == "stamp" else ""
        show_text("measured", f"{probe.kind} {probe.address}{port}, a packet each {probe.every_s:g} s")
    for element, tests in outcome.tests.items():
        told = "\n".join(" ".join((kind, *(f"{key}={value}" for key, value in arguments.items()))) for kind, arguments in tests)
        show_text(f"\n{element} is tested by", told)


def _render_change(
    spec: Specification, platform: Platform, platforms: Mapping[str, Platform], diff: tuple[str, str], *, as_json: bool
) -> None:
    old, new = (_sample(spec, each) for each in diff)
    trial = first_trial(spec, old, platform, platforms)
    before, after = trial.outcome(), trial.outcome(new.characteristics)
    payloads = {
        element: trial.payload(element, before.texts.get(element, ""), after.texts.get(element, ""))
        for element in sorted({*before.texts, *after.texts})
    }
    if as_json:
        print_json({"before": _outcome(before), "after": _outcome(after), "payloads": payloads})
    else:
        _show(after.name, after.values, {element: text or "(nothing to send)" for element, text in payloads.items()})


def _show(title: str, values: Mapping[str, object], texts: Mapping[str, str]) -> None:
    show_facts(title, values)
    for element, text in texts.items():
        show_text(f"\n{element}", text)


def _outcome(outcome: Outcome) -> dict[str, object]:
    tests = {
        element: [{"kind": kind, "arguments": dict(arguments)} for kind, arguments in tests]
        for element, tests in outcome.tests.items()
    }
    measured = [{"kind": each.kind, "address": each.address, "port": each.port, "site": each.site} for each in outcome.measured]
    known = {"name": outcome.name, "values": dict(outcome.values), "texts": dict(outcome.texts)}
    return known | {"tests": tests, "measured": measured}


def _document(spec: Specification, report: Report, problems: tuple[Problem, ...]) -> dict[str, object]:
    return {
        "name": spec.name,
        "version": spec.version,
        "sound": not problems,
        "platforms": [{"name": name, "samples": list(samples)} for name, samples in report.shown.items()],
        "problems": [asdict(problem) for problem in problems],
        "notes": list(report.notes),
    }


def _trial(
    spec: Specification, name: str, given: Mapping[str, Any], platform: Platform, platforms: Mapping[str, Platform]
) -> Trial:
    """Of the named sample, or of the first that fits; with the characteristics that are given over its own."""
    if name:
        return first_trial(spec, _with(_sample(spec, name), given), platform, platforms)
    samples = [_with(sample, given) for sample in spec.samples.values()] or ([Sample(characteristics=dict(given))] if given else [])
    if not samples:
        raise NoSuchSample(f"{spec.name} has no samples; give one with --sample FILE, or characteristics with --set")
    return next(_fitting(spec, samples, platform, platforms))


def _fitting(spec: Specification, samples: list[Sample], platform: Platform, platforms: Mapping[str, Platform]) -> Iterator[Trial]:
    """Raises what the last of them is refused for, when none fits."""
    for position, sample in enumerate(samples, start=1):
        try:
            yield first_trial(spec, sample, platform, platforms)
        except (Refused, NotRealised):
            if position == len(samples):
                raise


def _with(sample: Sample, given: Mapping[str, Any]) -> Sample:
    return sample.model_copy(update={"characteristics": {**sample.characteristics, **given}})


def _sample(spec: Specification, name: str) -> Sample:
    """One of the specification's own by name, or of a file: a sample, or only its characteristics."""
    if name in spec.samples:
        return spec.samples[name]
    path = Path(name)
    if not path.exists():
        known = ", ".join(spec.samples) or "none"
        raise NoSuchSample(f"{spec.name} has no sample {name!r}, and there is no such file; its samples are {known}")
    data = read_object(path)
    return Sample.model_validate(data) if "characteristics" in data else Sample(characteristics=data)


def _model(layout: str) -> str:
    for known, model in MODELS.items():
        if known == layout:
            return model
    layouts = ", ".join(MODELS)
    said = f"{layout!r} is none of {layouts}" if layout else f"give one of {layouts}; or a product to begin from, with --like"
    raise typer.BadParameter(said, param_hint="--layout")


def _write(folder: Path, files: Mapping[str, str]) -> None:
    if folder.exists():
        raise FolderTaken(f"{folder} is there already; choose another name, or another place with --in")
    for file, text in files.items():
        path = folder / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileUnusable(f"{path.parent} cannot be made: {error.strerror}; choose another place with --in") from error
        write_text(path, text)


def _files(desk: Desk, name: str) -> tuple[Mapping[str, str], str]:
    """The folder's files, and what to call it."""
    folder = Path(name)
    if "/" in name or name in {".", ".."} or (folder / FILE).is_file():
        return _texts(folder), str(folder)
    texts = specification_texts(desk.settings.catalog)
    if name not in texts:
        known = ", ".join(sorted(texts))
        raise FileUnusable(f"{name} is neither a specification nor a folder that holds {FILE}; specifications are {known}")
    return texts[name], name


def _texts(folder: Path) -> Mapping[str, str]:
    try:
        return texts_of(folder)
    except NotADirectoryError:
        raise FileUnusable(f"{folder} is no folder; give the folder that holds {FILE}") from None
    except OSError as error:
        raise FileUnusable(f"{folder} cannot be read: {error.strerror}; give the folder that holds {FILE}") from error
    except UnicodeDecodeError as error:
        raise FileUnusable(f"{folder} holds a file that is not UTF-8 ({error}); convert it or take it away") from None


def _platforms(desk: Desk) -> dict[str, Platform]:
    return {name: desk.platforms.load(name) for name in desk.platforms.names()}


def _pools_of(file: Path) -> Pools:
    return {pool.name: pool.kind for pool in read_document(Source.of_text(read_text(file), str(file))).pools}


def _pools_here(desk: Desk) -> Pools | None:
    try:
        with desk.reading() as session:
            return {row.name: row.kind for row in session.execute(select(PoolRow.name, PoolRow.kind))}
    except NoDatabase:
        return None
    except (AgentError, SQLAlchemyError) as error:
        note(f"note: pools are not looked for, as the database cannot be read ({str(error).splitlines()[0]})")
        return None


def _bad_references(desk: Desk, spec: Specification, folder: str) -> Iterator[Problem]:
    """SLA and tariff, when everything else in the catalog is sound."""
    catalog = load_catalog(desk.settings.catalog)
    for key, name, known in (("sla", spec.sla, catalog.slas), ("tariff", spec.tariff, catalog.tariffs)):
        if name is not None and name not in known:
            yield Problem(f"{folder}/{FILE}", 1, key, f"there is no {key} {name!r}; known are {', '.join(sorted(known)) or 'none'}")


def _assigned(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--set")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def _shown(folder: Path) -> str:
    """As a command is told that it is a folder."""
    text = str(folder)
    return text if "/" in text else f"./{text}"
