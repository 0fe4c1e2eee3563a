"""One kind of element, as its `platform.yaml` describes it."""

from typing import Literal, Self

from pydantic import Field, model_validator

from drivers.errors import DriverSetupError
from drivers.platform.data import Data, Feature
from drivers.platform.lines import LineRules
from drivers.platform.netconf import Netconf
from drivers.platform.ssh import Ssh
from drivers.platform.toggle import Toggle
from drivers.platform.trees import XmlRules
from drivers.platform.uses import UseRule
from drivers.port import Commitment


class Platform(Data):
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
    toggle: Toggle | None = None
    """How a port is shut and opened again; without it no port is ever bounced here."""
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
    def tests(self) -> frozenset[str] | None:
        """Kinds of service test that its elements can be asked; None where only a third party's driver knows."""
        asked = {"netconf": self.netconf, "ssh": self.ssh, "snmp": None}
        if self.protocol not in asked:
            return None
        way = asked[self.protocol]
        return frozenset({"interface", *(way.tests if way else ())})

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
