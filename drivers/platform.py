"""Platforms are data: what a kind of element can realise, and how its configuration language behaves.

A platform is a folder with a `platform.yaml`. It is found among the ones shipped here (`drivers/platforms/<name>`), by entry
point in group `fabd.platforms` (the value names a package that holds the file), or in a folder of the operator's own.
"""

import re
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from lxml import etree
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from drivers.errors import DriverSetupError
from drivers.port import Commitment

ENTRY_POINTS = "fabd.platforms"
FILE = "platform.yaml"

Feature = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
"""What specifications ask for: ipv4, ipv6, description, announce, vlan, rate, vrf, switching, or a third party's own word."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LineRule(_Data):
    """How lines that match behave; the first rule that matches decides."""

    match: re.Pattern[str]
    slot: str = ""
    """Lines of one slot exclude each other within a section (`description`); "" means every different line stands for itself."""
    replace: Literal["remove", "overwrite"] = "remove"
    """Whether the old line of a slot must be removed first or is overwritten by the new one."""
    negate: str = "no {line}"
    """The command that removes the line; "" when it is never removed, only set."""
    add: str = ""
    """With a named group `members` in `match` (`100,200-205`): the command that adds some, `{members}`."""
    remove: str = ""
    literal: bool = False
    """Free text: its words stay as they are, where elsewhere addresses are brought to their shortest form."""
    clears: re.Pattern[str] | None = None
    """Setting or removing this line wipes the section's lines that match (IOS: `vrf forwarding` wipes addresses)."""
    do: str = ""
    """The shell's command that makes the line so, with the groups of `match` and of its section's: `ip link set dev {name} up`."""
    undo: str = ""
    """The shell's command that takes it back; "" when it is never taken back."""

    @model_validator(mode="after")
    def _members_need_both_commands(self) -> Self:
        if ("members" in self.match.groupindex) != bool(self.add and self.remove):
            raise ValueError("a rule with a group named `members` needs both `add` and `remove`, and only such a rule has them")
        return self


class SectionRule(_Data):
    """A line that opens a section. `whole` sections are ours alone and are removed by their header, others only by their lines."""

    match: re.Pattern[str]
    removal: Literal["whole", "contents"] = "contents"
    leave: str = "exit"
    """The command that returns to the level above."""
    shell: bool = False
    """Nothing that is typed into the command line: what stands in it is done by the shell's commands, as `do` and `undo` say."""
    do: str = ""
    """The shell's command that makes the section, with the groups of `match`; "" when it is there anyhow."""
    undo: str = ""
    filled: bool = False
    """Only when something stands in it; alone, the line is a line (EOS: `vrf X` below `router bgp`, and below an interface)."""
    makes: str = ""
    """The port that a `whole` section makes (`{port}.{unit}`); otherwise the second word of its header."""


class FlatRules(_Data):
    """A command line without levels: every line bears its whole path (`set interfaces ethernet eth1 mtu 9000`).

    Sections are the beginnings of paths that a section rule matches; they are written and read in full.
    """

    set: str = "set"
    delete: str = "delete"


class LineRules(_Data):
    """A hierarchical command line (two levels or more, told by indentation), or a flat one."""

    ignore: re.Pattern[str] = re.compile(r"^(!.*|exit|exit-address-family|exit-vrf|end)$")
    """Lines of a running configuration that say nothing."""
    forbidden: re.Pattern[str] = re.compile(r"[\x00-\x1f\x7f?]")
    """What cannot be typed: control characters, and `?`, which asks for help."""
    sections: tuple[SectionRule, ...] = ()
    lines: tuple[LineRule, ...] = ()
    flat: FlatRules | None = None


class XmlRules(_Data):
    """What a tree diff must know of the YANG modules; names are `prefix:name` with the prefixes of `namespaces`."""

    namespaces: dict[str, str]
    lists: dict[str, tuple[str, ...]] = {}
    """List → its keys."""
    presence: frozenset[str] = frozenset()
    """Containers that mean something by being there; others are never removed themselves."""
    leaf_lists: frozenset[str] = frozenset()
    mandatory: frozenset[str] = frozenset()
    """Leaves that an entry cannot be without; they go only with the entry."""
    identities: frozenset[str] = frozenset()
    """Leaves whose value is an identity: compared without the prefix, which servers choose as they like."""
    defaults: dict[str, str] = {}
    """Leaf → the value that its absence means."""
    roots: tuple[str, ...] = ()
    """Top elements under which values of pools are used: what an audit reads."""

    def clark(self, name: str) -> str:
        """`prefix:name` as `{namespace}name`."""
        prefix, _, local = name.partition(":")
        return f"{{{self.namespaces[prefix]}}}{local}"

    @model_validator(mode="after")
    def _prefixes_are_declared(self) -> Self:
        names = {*self.lists, *(key for keys in self.lists.values() for key in keys), *self.leaf_lists, *self.presence}
        for name in sorted(names | self.mandatory | self.identities | set(self.defaults) | set(self.roots)):
            if name.partition(":")[0] not in self.namespaces:
                raise ValueError(f"`{name}` has a prefix that `namespaces` does not declare")
        return self


class UseRule(_Data):
    """Where a configuration uses a value that pools give out: a line with a group named `value`, or an XML leaf."""

    kind: Literal["vlan", "vni", "address", "rd", "rt"]
    match: re.Pattern[str] | None = None
    """`value` may be a list of numbers (`10,20-22`), or an address with its mask."""
    leaf: str = ""
    """`prefix:name`, or with what it stands in `prefix:name/prefix:name`."""
    length: str = ""
    """The leaf beside it that holds the length of the prefix."""

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if (self.match is None) == (not self.leaf):
            raise ValueError("give either `match` (command lines) or `leaf` (XML)")
        if self.match is not None and "value" not in self.match.groupindex:
            raise ValueError("`match` needs a group named `value`")
        return self


class RequestTest(_Data):
    """A service test by RPC. Arguments stand in it as `{address}`; what is in `[ ]` is sent only when its arguments are given."""

    request: str
    """XML."""
    passed: str
    """Local name of an element of the reply that says so (`ping-success`), or with its text (`peer-state=Established`)."""

    @field_validator("request")
    @classmethod
    def _is_xml(cls, request: str) -> str:
        try:
            etree.fromstring(re.sub(r"[\[\]]", "", request))
        except etree.XMLSyntaxError as error:
            raise ValueError(f"it is no XML: {error}") from error
        return request


class CommandTest(_Data):
    """A service test by a command. Arguments stand in it as `{address}`; what is in `[ ]` is said only when they are given."""

    command: str
    passed: re.Pattern[str]
    """Found in the answer when it did."""


class PortRequest(_Data):
    """The RPC that lists ports, and where a reply says what; local names of elements."""

    request: str
    """XML."""
    entries: frozenset[str]
    name: str = "name"
    status: str = "oper-status"
    up: str = "up"


class Netconf(_Data):
    confirmation: Literal["persist", "plain"] = "persist"
    """How a provisional commit is known: by the `persist` of confirmed-commit:1.1 (RFC 6241 §8.4), or not at all (1.0, RFC 4741):

    then any commit confirms it, and nothing but a commit of the reverse undoes it before its time.
    """
    locks: tuple[Literal["running", "candidate"], ...] = ("running", "candidate")
    """In the order in which they are taken: a confirmed commit that expires would also undo another's edit of running."""
    validation: Literal["test-then-set", "validate", "none"] = "validate"
    """How an edit is validated: as an option of `edit-config`, by the operation of its own, or only by `commit`."""
    port_state: Literal["auto", "oper", "config"] = "auto"
    """Whether a port is up is told by `oper-status`, or only by its configuration; `auto`: by what the server serves."""
    ports: PortRequest | None = None
    """Where ports are not asked for by ietf-interfaces."""
    tests: dict[str, RequestTest] = {}
    """Kind → how it is asked; `interface` is asked as ports are."""


class PortTable(_Data):
    """The command that lists ports and how a row reads: its groups are `name` and `up`, which matches only when it is."""

    command: str
    row: re.Pattern[str]

    @model_validator(mode="after")
    def _groups_are_named(self) -> Self:
        if not {"name", "up"} <= set(self.row.groupindex):
            raise ValueError("`row` needs the groups `name` and `up`")
        return self


class Question(_Data):
    """What the element asks back before it goes on, and what it is told."""

    asks: re.Pattern[str]
    """As it stands at the end of what was printed."""
    reply: str


class Transaction(_Data):
    """How a command line commits provisionally and undoes by itself what is not confirmed.

    `{name}` is the name of the private edit, made of the plan's id, so that another session can confirm or undo it;
    `{hours}`, `{minutes}` and `{seconds}` are the confirmation timeout, each of two digits, and `{all_minutes}` the whole of it.
    """

    begin: str
    """Opens a private edit, without effect on what runs."""
    stale: tuple[str, ...] = ()
    """Said before, to end an edit of the same name that was left behind; whatever they answer."""
    discard: tuple[str, ...]
    """Said wherever the edit stands: ends it without effect."""
    review: str = ""
    """Shows what the edit would change."""
    commit: str
    """Provisional."""
    keep: str
    """The edit takes effect for good, as a reverse does."""
    leave: tuple[str, ...] = ()
    """What is left to be said after `commit` or `keep`."""
    extend: str = ""
    """Starts the confirmation timeout anew; "" where that cannot be done."""
    confirm: tuple[str, ...]
    abort: tuple[str, ...] = ()
    """Undoes a pending commit at once; without it the reverse is committed, and then confirmed."""
    pending: CommandTest | None = None
    """Whether the commit `{name}` waits to be confirmed; without it the answer of `confirm` tells."""
    idle: re.Pattern[str] | None = None
    """Answers of `confirm` and `abort` that mean that nothing was pending."""
    busy: re.Pattern[str] | None = None
    """Refusals that pass: somebody else is at it, or too many are."""

    @model_validator(mode="after")
    def _pending_can_be_told(self) -> Self:
        if self.pending is None and self.idle is None:
            raise ValueError("`pending` or `idle` must say how it is known whether a commit waits to be confirmed")
        return self


class Linux(_Data):
    """An element whose own shell is used beside its command line; see `drivers.ssh.linux`."""

    cli: str
    """The program behind which the command line is; it takes commands as `-c`."""
    elevate: str = ""
    """What the shell's commands need before them when the user is not root."""
    links: str
    """Prints the kernel's links as JSON."""


class Ssh(_Data):
    device_type: str
    """netmiko's."""
    linux: Linux | None = None
    error: re.Pattern[str]
    """What a refused line answers (searched line by line in the answer, never in the echo)."""
    harmless: re.Pattern[str] | None = None
    """Answers that look like an error and are none."""
    enter: str = "configure terminal"
    leave: str = "end"
    prompt: str = "[#>] ?"
    """Regular expression of what follows the host's name and the mode."""
    questions: tuple[Question, ...] = ()
    transaction: Transaction | None = None
    """Needed by platforms whose commitment is `confirmed`."""
    running: str = "show running-config"
    ports: PortTable
    save: str = ""
    """The command that makes the running configuration survive a restart; "" where they are one."""
    tests: dict[str, CommandTest] = {}
    """Kind → how it is asked; `interface` is asked as `ports` are."""

    def complaint(self, answer: str) -> str:
        """The lines of an answer that refuse; "" when there are none."""
        lines = (line.strip() for line in answer.splitlines() if self.error.search(line))
        return "; ".join(line for line in lines if not (self.harmless and self.harmless.search(line)))


class Platform(_Data):
    """One kind of element. `syntax` is the language that templates render; `template` is their suffix (`create.<template>.j2`)."""

    name: Feature
    title: str
    protocol: Feature
    """netconf, ssh, snmp, or that of a third party's driver."""
    commitment: Commitment
    syntax: Literal["xml", "lines", "objects"]
    template: str
    realises: frozenset[Feature]
    sample_port: str = Field("port{n}", pattern=r"^[!-~]*\{n\}[!-~]*$")
    """What its ports are called, for samples: `ge-0/0/{n}`."""
    uses: tuple[UseRule, ...] = ()
    """What an audit looks for; the objects of a bridge are known."""
    xml: XmlRules | None = None
    lines: LineRules | None = None
    netconf: Netconf | None = None
    ssh: Ssh | None = None

    @model_validator(mode="after")
    def _rules_fit(self) -> Self:
        needed = {"xml": self.xml, "lines": self.lines, "netconf": self.netconf, "ssh": self.ssh}
        for part in (self.syntax, self.protocol):
            if part in needed and needed[part] is None:
                raise ValueError(f"section `{part}` is missing; syntax {self.syntax} over {self.protocol} needs it")
        if self.ssh is not None and (self.ssh.transaction is not None) != (self.commitment is Commitment.CONFIRMED):
            raise ValueError("over ssh, commitment `confirmed` and `ssh.transaction` need each other")
        return self

    @model_validator(mode="after")
    def _used_leaves_are_declared(self) -> Self:
        declared = self.xml.namespaces if self.xml else {}
        for name in (name for rule in self.uses for name in (*rule.leaf.split("/"), rule.length) if name):
            if name.partition(":")[0] not in declared:
                raise ValueError(f"`uses`: {name} has a prefix that `xml.namespaces` does not declare")
        return self

    @property
    def xml_rules(self) -> XmlRules:
        if self.xml is None:
            raise DriverSetupError(f"platform {self.name} renders {self.syntax}, not XML")
        return self.xml

    @property
    def line_rules(self) -> LineRules:
        if self.lines is None:
            raise DriverSetupError(f"platform {self.name} renders {self.syntax}, not command lines")
        return self.lines


@dataclass(frozen=True)
class Platforms:
    """Every platform that elements can have: those installed, and those in `folders` of the operator's own (one folder each).

    The folders are looked at once.
    """

    folders: tuple[Path, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Sorted. `DriverSetupError` when a folder is not there or brings a name that is taken."""
        return tuple(sorted({*platforms(), *self._own}))

    def load(self, name: str) -> Platform:
        return _named(name, load_platform(self.place(name)))

    def place(self, name: str) -> str:
        """What a driver loads it by (`Target.platform`): its name, or the path of its folder."""
        folder = self._own.get(name)
        return name if folder is None else f"{folder}/"

    @cached_property
    def _own(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for root in self.folders:
            if not root.is_dir():
                raise DriverSetupError(f"catalog.platforms: {root} is not a folder; create it or take it out of the settings")
            for folder in sorted(each for each in root.iterdir() if (each / FILE).is_file()):
                if folder.name in found or folder.name in platforms():
                    raise DriverSetupError(f"{folder}: there is a platform {folder.name} already; give this one another name")
                found[folder.name] = folder
        return found


@cache
def load_platform(name: str) -> Platform:
    """The platform of that name, or in the folder of that path (told by its slash). `DriverSetupError` names the remedy."""
    if "/" in name:
        return _read(Path(name))
    for known, folder in _folders().items():
        if known == name:
            return _named(name, _read(folder()))
    raise DriverSetupError(
        f"unknown platform {name!r}; known are {', '.join(platforms())}. Correct the element's platform, install the package that "
        f"brings it (entry point group {ENTRY_POINTS}), or name the folder that holds its own in catalog.platforms"
    )


def platforms() -> tuple[str, ...]:
    """Names of every installed platform, sorted."""
    return tuple(sorted(_folders()))


class _Folder:
    """Where a platform's data lies; a third party's package is imported only when it is asked for."""

    def __init__(self, package: str, *path: str) -> None:
        self._package, self._path = package, path

    def __call__(self) -> Traversable:
        try:
            return files(self._package).joinpath(*self._path)
        except (ImportError, TypeError) as error:
            raise DriverSetupError(f"platform package {self._package} cannot be imported: {error}; reinstall it") from error


def _folders() -> dict[str, _Folder]:
    shipped = {
        folder.name: _Folder("drivers", "platforms", folder.name)
        for folder in files("drivers").joinpath("platforms").iterdir()
        if folder.joinpath(FILE).is_file()
    }
    return {entry.name: _Folder(entry.value) for entry in entry_points(group=ENTRY_POINTS)} | shipped


def _read(folder: Traversable) -> Platform:
    place = folder.joinpath(FILE)
    try:
        return Platform.model_validate(yaml.safe_load(place.read_text("utf-8")))
    except OSError as error:
        raise DriverSetupError(f"platform folder {folder} has no readable {FILE}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DriverSetupError(f"{place} is not YAML: {error}") from error
    except ValidationError as error:
        mistakes = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'platform'}: {fault['msg']}" for fault in error.errors())
        raise DriverSetupError(f"{place}: {mistakes}") from error


def _named(name: str, platform: Platform) -> Platform:
    if platform.name != name:
        raise DriverSetupError(f"platform {name} calls itself {platform.name} in its {FILE}; make both names one")
    return platform
