"""The customer file: YAML, or CSV with one line per agreement. Mistakes are named with file, line and path, all at once."""

import csv
import io
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from crm_bridge.book import PolicyBook
from crm_bridge.errors import InvalidDocument
from policies.document import Document, Path
from policies.errors import InvalidPolicy, Problem
from policies.quantities import Since

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
_CUSTOMER_COLUMNS = ("external_id", "name", "currency", "status", "parent")
_CONTACT_COLUMNS = ("email", "phone", "contact")
_AGREEMENT_COLUMNS = ("agreement", "specification", "sla", "tariff", "valid_from")


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class AgreementEntry(_Data):
    name: _Text
    specification: _Text = "*"
    sla: _Text
    tariff: _Text
    valid_from: Since | None = None
    """By default the moment of the import."""
    terms: dict[str, dict[str, Any]] = {}


class CustomerEntry(_Data):
    external_id: _Text
    name: _Text
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$")
    contact: dict[str, str] = {}
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
        source = _csv(text, file) if PurePath(file).suffix.lower() == ".csv" else Document(text, file)
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
            yield from _currency_mistakes(entry.currency, agreement.tariff, there, known.book)
    yield from _circles(document)


def _agreement_mistakes(agreement: AgreementEntry, here: Path, known: KnownNames) -> Iterator[tuple[Path, str]]:
    if agreement.specification != "*" and agreement.specification not in known.specifications:
        yield (*here, "specification"), f"no specification is called {agreement.specification!r}; list them with `fabd spec list`"
    for key in agreement.terms.keys() - {"sla", "tariff"}:
        yield (*here, "terms", key), "terms differ from the sla or from the tariff; write terms: {sla: {…}, tariff: {…}}"
    yield from _terms_mistakes(
        "sla", agreement.sla, here, lambda: known.book.sla(agreement.sla).with_terms(agreement.terms.get("sla", {}))
    )
    yield from _terms_mistakes(
        "tariff", agreement.tariff, here, lambda: known.book.tariff(agreement.tariff).with_terms(agreement.terms.get("tariff", {}))
    )


def _currency_mistakes(currency: str, tariff: str, here: Path, book: PolicyBook) -> Iterator[tuple[Path, str]]:
    try:
        asked = book.tariff(tariff).currency
    except LookupError:
        return  # told already
    if asked != currency:
        yield (*here, "tariff"), f"tariff {tariff!r} is in {asked}, but the customer pays in {currency}; choose another"


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


class _CsvDocument(Document):
    """Rows as the document that the same customers would make in YAML."""

    def __init__(self, data: dict[str, Any], file: str, lines: dict[Path, int]) -> None:
        self.data, self.file, self._lines = data, file, lines


def _csv(text: str, file: str) -> Document:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    header = [name.strip() for name in reader.fieldnames or ()]
    unknown = [name for name in header if name not in {*_CUSTOMER_COLUMNS, *_CONTACT_COLUMNS, *_AGREEMENT_COLUMNS}]
    if unknown or "external_id" not in header:
        wrong = f"no such column: {', '.join(unknown)}" if unknown else "the column external_id is missing"
        raise InvalidPolicy(
            [
                Problem(
                    file, 1, "", f"{wrong}; columns are {', '.join((*_CUSTOMER_COLUMNS, *_CONTACT_COLUMNS, *_AGREEMENT_COLUMNS))}"
                )
            ]
        )
    customers: dict[str, dict[str, Any]] = {}
    lines: dict[Path, int] = {}
    try:
        for row in reader:
            _add_row({key.strip(): (value or "").strip() for key, value in row.items() if key}, customers, lines, reader.line_num)
    except csv.Error as error:
        raise InvalidPolicy([Problem(file, reader.line_num + 1, "", f"not CSV: {error}")]) from None
    return _CsvDocument({"customers": list(customers.values())}, file, lines)


def _add_row(row: dict[str, str], customers: dict[str, dict[str, Any]], lines: dict[Path, int], line: int) -> None:
    entry = customers.get(row["external_id"])
    if entry is None:
        entry = {name: row[name] for name in _CUSTOMER_COLUMNS if row.get(name)}
        entry |= {"contact": {name: row[name] for name in _CONTACT_COLUMNS if row.get(name)}, "agreements": []}
        lines["customers", len(customers)] = line
        customers[row["external_id"]] = entry
    if row.get("agreement"):
        number = list(customers).index(row["external_id"])
        lines["customers", number, "agreements", len(entry["agreements"])] = line
        agreement = {name: row[name] for name in _AGREEMENT_COLUMNS[1:] if row.get(name)}
        if "valid_from" in agreement and "T" not in agreement["valid_from"]:
            agreement["valid_from"] += "T00:00:00Z"
        entry["agreements"].append({"name": row["agreement"], **agreement})
