"""The customer file as CSV, one line per agreement: read into what the same customers would be in YAML."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from policies.document import Document, Path
from policies.errors import InvalidPolicy, Problem

_CUSTOMER_COLUMNS = ("external_id", "name", "currency", "status", "parent")
_CONTACT_COLUMNS = ("email", "phone", "contact")
_AGREEMENT_COLUMNS = ("agreement", "specification", "sla", "tariff", "valid_from")
_COLUMNS = (*_CUSTOMER_COLUMNS, *_CONTACT_COLUMNS, *_AGREEMENT_COLUMNS)


def read_csv(text: str, file: str) -> Document:
    """Raises `InvalidPolicy`. A byte order mark, as spreadsheets write it, is passed over."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    rows = _Rows(file)
    try:
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        _check_header(reader.fieldnames, file)
        for row in reader:
            rows.add(row, reader.line_num)
    except csv.Error as error:
        raise InvalidPolicy([Problem(file, reader.line_num + 1, "", f"not CSV: {error}")]) from None
    if rows.problems:
        raise InvalidPolicy(rows.problems)
    return _CsvDocument({"customers": list(rows.customers.values())}, file, rows.lines)


class _CsvDocument(Document):
    def __init__(self, data: dict[str, Any], file: str, lines: dict[Path, int]) -> None:
        self.data, self.file, self._lines = data, file, lines


def _check_header(header: Sequence[str], file: str) -> None:
    wrong = [f"no such column: {', '.join(unknown)}"] if (unknown := [name for name in header if name not in _COLUMNS]) else []
    wrong += [f"the column {name} stands there twice" for name in dict.fromkeys(header) if header.count(name) > 1]
    if "external_id" not in header and not unknown:
        wrong.append("the column external_id is missing")
    if wrong:
        raise InvalidPolicy([Problem(file, 1, "", f"{'; '.join(wrong)}; columns are {', '.join(_COLUMNS)}")])


class _Rows:
    """Lines gathered to customers; each further line of one adds an agreement and may leave the rest out."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.customers: dict[str, dict[str, Any]] = {}
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def add(self, row: Mapping[str | None, str | list[str] | None], line: int) -> None:
        if None in row:
            self._refuse(line, "more values than columns; put a value that holds a comma in quotes")
            return
        values = {name: value.strip() for name, value in row.items() if name and isinstance(value, str) and value.strip()}
        key = values.get("external_id", "")
        entry = self._entry(key, values, line)
        if "agreement" in values:
            number = list(self.customers).index(key)
            self.lines["customers", number, "agreements", len(entry["agreements"])] = line
            agreement = {name: values[name] for name in _AGREEMENT_COLUMNS[1:] if name in values}
            entry["agreements"].append({"name": values["agreement"], **agreement})

    def _entry(self, key: str, values: Mapping[str, str], line: int) -> dict[str, Any]:
        said = {name: values[name] for name in _CUSTOMER_COLUMNS if name in values}
        contact = {name: values[name] for name in _CONTACT_COLUMNS if name in values}
        entry = self.customers.get(key)
        if entry is None:
            self.lines["customers", len(self.customers)] = line
            entry = self.customers[key] = {**said, "contact": contact, "agreements": []}
            return entry
        for name, value in (said | contact).items():
            before = entry.get(name, entry["contact"].get(name))
            if before != value:
                self._refuse(line, f"{name} of {key!r} is {value!r} here and was {before or 'not given'!r} before; keep one")
        return entry

    def _refuse(self, line: int, message: str) -> None:
        self.problems.append(Problem(self._file, line, "", message))
