"""The customer file, in YAML or CSV. Mistakes are named with file, line and path, all at once."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import to_jsonable_python

from crm_bridge.book import PolicyBook
from crm_bridge.customer_csv import read_csv
from crm_bridge.errors import InvalidDocument
from policies.document import Document, Path
from policies.errors import InvalidPolicy
from policies.quantities import Since


def _printable(text: str) -> str:
    """Bills are printed to terminals, and one line of them must not look like two."""
    if not text.isprintable():
        raise ValueError("holds characters that cannot be printed, e.g. a line break; remove them")
    return text


_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_printable)]
_Contact = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), AfterValidator(_printable)]
_Terms = Annotated[dict[str, dict[str, Any]], AfterValidator(to_jsonable_python)]
"""As they are kept: YAML makes dates, the database holds JSON."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class AgreementEntry(_Data):
    name: _Text
    specification: _Text = "*"
    sla: _Text
    tariff: _Text
    valid_from: Since | None = None
    """By default the moment of the import."""
    terms: _Terms = {}


class CustomerEntry(_Data):
    external_id: _Text
    name: _Text
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$")
    contact: dict[_Text, _Contact] = {}
    status: str = Field("active", pattern=r"^(active|suspended|closed)$")
    parent: _Text | None = None
    """The external id of the account above."""
    agreements: tuple[AgreementEntry, ...] = ()


class CustomerDocument(_Data):
    customers: tuple[CustomerEntry, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What a file may refer to beside itself."""

    book: PolicyBook
    specifications: Collection[str]
    customers: Collection[str] = ()
    """External ids already in the database."""


def read_customers(text: str, file: str, known: KnownNames) -> CustomerDocument:
    """By its name the file is CSV, otherwise YAML. Raises `InvalidDocument`."""
    try:
        source = read_csv(text, file) if PurePath(file).suffix.lower() == ".csv" else Document(text, file)
        document = source.check(CustomerDocument)
    except InvalidPolicy as error:
        raise InvalidDocument(error.problems) from None
    problems = [source.problem(path, message) for path, message in _mistakes(document, known)]
    if problems:
        raise InvalidDocument(problems)
    return document


def _mistakes(document: CustomerDocument, known: KnownNames) -> Iterator[tuple[Path, str]]:
    ids = [entry.external_id for entry in document.customers]
    for number, entry in enumerate(document.customers):
        here: Path = ("customers", number)
        if entry.external_id in ids[:number]:
            yield (*here, "external_id"), f"{entry.external_id!r} stands here twice; remove one"
        if entry.parent is not None and entry.parent not in {*ids, *known.customers}:
            yield (*here, "parent"), f"no customer has the external id {entry.parent!r}; add it to the file"
        names = [agreement.name for agreement in entry.agreements]
        for position, agreement in enumerate(entry.agreements):
            there: Path = (*here, "agreements", position)
            if agreement.name in names[:position]:
                yield (*there, "name"), f"the customer has two agreements {agreement.name!r}; remove one"
            yield from _agreement_mistakes(agreement, there, known)
            yield from _currency_mistakes(entry.currency, agreement, there, known.book)
    yield from _circles(document)


def _agreement_mistakes(agreement: AgreementEntry, here: Path, known: KnownNames) -> Iterator[tuple[Path, str]]:
    if agreement.specification != "*" and agreement.specification not in known.specifications:
        yield (*here, "specification"), f"no specification is called {agreement.specification!r}; list them with `fabd spec list`"
    for key in agreement.terms.keys() - {"sla", "tariff"}:
        yield (*here, "terms", key), "terms differ from the sla or from the tariff; write terms: {sla: {…}, tariff: {…}}"
    for key in (key for key in ("sla", "tariff") if "name" in agreement.terms.get(key, {})):
        yield (*here, "terms", key, "name"), f"terms do not rename; bills and credits refer to the {key} by its own name"
    yield from _terms_mistakes(
        "sla", agreement.sla, here, lambda: known.book.sla(agreement.sla).with_terms(agreement.terms.get("sla", {}))
    )
    yield from _terms_mistakes(
        "tariff", agreement.tariff, here, lambda: known.book.tariff(agreement.tariff).with_terms(agreement.terms.get("tariff", {}))
    )


def _currency_mistakes(currency: str, agreement: AgreementEntry, here: Path, book: PolicyBook) -> Iterator[tuple[Path, str]]:
    try:
        asked = book.tariff(agreement.tariff).with_terms(agreement.terms.get("tariff", {})).currency
    except (LookupError, ValidationError):
        return  # told already
    if asked != currency:
        yield (*here, "tariff"), f"tariff {agreement.tariff!r} is in {asked}, but the customer pays in {currency}; choose another"


def _terms_mistakes(kind: str, name: str, here: Path, look: Callable[[], object]) -> Iterator[tuple[Path, str]]:
    try:
        look()
    except LookupError:
        yield (*here, kind), f"no {kind} is called {name!r}; add a file to policies/{kind}s or correct the name"
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False):
            yield (*here, "terms", kind, *each["loc"]), each["msg"].removeprefix("Value error, ")


def _circles(document: CustomerDocument) -> Iterator[tuple[Path, str]]:
    parents = {entry.external_id: entry.parent for entry in document.customers}
    for number, entry in enumerate(document.customers):
        above, steps = entry.parent, 0
        while above is not None and above != entry.external_id and steps <= len(parents):
            above, steps = parents.get(above), steps + 1
        if above == entry.external_id:
            yield ("customers", number, "parent"), f"{entry.external_id!r} is above itself; break the circle"
