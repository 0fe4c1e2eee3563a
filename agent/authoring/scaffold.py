"""A new specification to begin with: that of a shipped product which lies on the network in the same way, under a new name."""

import re
from collections.abc import Iterable, Mapping

from agent.authoring.errors import NotRealised
from policies.specification import FILE, SUFFIX, LayoutKind, parse

MODELS: Mapping[LayoutKind, str] = {
    "access": "internet-access",
    "path": "l2-eline",
    "tree": "l2-elan",
    "sites": "l3vpn",
    "overlay": "evpn-elan",
}


def scaffold(name: str, title: str, model: Mapping[str, str], platforms: Iterable[str]) -> dict[str, str]:
    """The files of the new folder. `NotRealised` names the platforms that the model has no template for."""
    wanted = list(platforms)
    spec = parse(model)
    known = sorted({file.split(".", 1)[0] for file in spec.templates})
    if missing := [each for each in wanted if each not in known]:
        raise NotRealised(
            f"{spec.name}, which a new specification is made from, has no template for {', '.join(missing)}; it has "
            f"{', '.join(known)}. Leave the others out and write their templates yourself, or begin from another with --like"
        )
    chosen = {file for file in spec.templates if not wanted or file.split(".", 1)[0] in wanted}
    chosen |= {other for file in chosen for other in spec.templates if f'"{other}"' in spec.templates[file]}
    files = {file: text for file, text in model.items() if not file.endswith(SUFFIX) or file in chosen}
    return files | {FILE: _renamed(files[FILE], name=name, title=title, version='"1.0.0"')}


def _renamed(text: str, **values: str) -> str:
    for key, value in values.items():
        before, old, after = re.split(rf"^({key}:.*)$", text, maxsplit=1, flags=re.MULTILINE)
        text = f"{before}{old.partition(':')[0]}: {value}{after}"
    return text
