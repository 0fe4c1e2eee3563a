"""`fabd explain`: from a line of a bill, a credit or a ticket back to what was measured."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.options import AsJson, argument
from agent.cli.output import clean, print_json, stdout
from agent.cli.resources import ROOT
from agent.cli.words import told

app = typer.Typer()


@app.command("explain")
@remote
def explain(
    daemon: Daemon,
    identity: Annotated[str, argument("ID", "Of a bill, line, credit, violation, usage record, alarm, problem or ticket.")],
    as_json: AsJson = False,
) -> None:
    """Walk back from a bill line, credit or ticket to the samples, alarms and polls behind it."""
    tree = daemon.get(f"{ROOT}/explain/{segment(identity)}")
    if as_json:
        print_json(tree)
    else:
        stdout().print(_grown(Tree(_label(tree), guide_style="dim"), tree))


def _grown(branch: Tree, node: Document) -> Tree:
    for child in node.get("because", []):
        _grown(branch.add(_label(child)), child)
    if node.get("left_out"):
        branch.add(Text(f"… and {node['left_out']} more", style="dim"))
    return branch


def _label(node: Document) -> RenderableType:
    title = Text.assemble((clean(str(node["kind"])), "bold"), " ", clean(str(node["title"])))
    if node["id"] != node["title"]:
        title.append(f"  {clean(str(node['id']))}", style="dim")
    facts = "; ".join(f"{name} {told(value)}" for name, value in node.get("facts", {}).items())
    return Group(title, Text(clean(facts), style="dim")) if facts else title
