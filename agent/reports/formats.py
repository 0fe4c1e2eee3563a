"""A report as HTML, PDF, CSV or plain text. None of them reckons anything."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import Environment

from agent.reports.document import Report, Table

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{ report.title }}</title>
<style>
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 78rem; padding: 0 1rem; color: #1b1f24 }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 2px solid #1b1f24 }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem } p.sub, p.none { color: #57606a; margin: .2rem 0 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.2rem; margin: .6rem 0 }
dt { color: #57606a } dd { margin: 0 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #d0d7de }
td.missed { color: #b31d28; font-weight: 600 } td.kept { color: #1a7f37 }
@media print { h2 { break-before: page } h2.first { break-before: auto } }
</style>
</head>
<body>
<h1>{{ report.title }}</h1>
<p class="sub">{{ report.subtitle }}</p>
{% for part in report.parts %}
<h2{% if loop.first %} class="first"{% endif %}>{{ part.title }}</h2>
<dl>{% for name, value in part.facts %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
{% for table in part.tables %}
<h3>{{ table.title }}</h3>
{% if table.rows %}
<table>
<tr>{% for column in table.columns %}<th>{{ column }}</th>{% endfor %}</tr>
{% for row in table.rows %}
<tr>
{% for cell in row %}
<td{% if cell.split(" ")[0] in ("kept", "missed") %} class="{{ cell.split(" ")[0] }}"{% endif %}>{{ cell }}</td>
{% endfor %}
</tr>
{% endfor %}
</table>
{% else %}
<p class="none">{{ table.empty }}</p>
{% endif %}
{% endfor %}
{% endfor %}
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Format:
    media_type: str
    suffix: str
    render: Callable[[Report], bytes]


def as_html(report: Report) -> bytes:
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_PAGE)
    return page.render(report=report).encode()


def as_csv(report: Report) -> bytes:
    """Every row begins with its part and table; the titles of the columns come before the rows of each table."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for part in report.parts:
        writer.writerow([part.title, "facts", "name", "value"])
        writer.writerows([part.title, "facts", *map(_safe, fact)] for fact in part.facts)
        for table in part.tables:
            writer.writerow([part.title, table.title, *(table.columns if table.rows else [table.empty])])
            writer.writerows([part.title, table.title, *map(_safe, row)] for row in table.rows)
    return out.getvalue().encode("utf-8-sig")


def as_text(report: Report) -> bytes:
    return "\n".join(_lines(report)).encode() + b"\n"


def as_pdf(report: Report) -> bytes:
    from agent.reports.paper import Paper  # noqa: PLC0415  what lays out pages takes 17 MB, which most daemons never need

    return bytes(Paper(report).output())


FORMATS: Mapping[str, Format] = {
    "html": Format("text/html; charset=utf-8", ".html", as_html),
    "csv": Format("text/csv; charset=utf-8", ".csv", as_csv),
    "pdf": Format("application/pdf", ".pdf", as_pdf),
    "text": Format("text/plain; charset=utf-8", ".txt", as_text),
}


def _safe(cell: str) -> str:
    """A spreadsheet takes what begins like a formula for one; an apostrophe keeps it text."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell


def _lines(report: Report) -> Iterator[str]:
    yield report.title
    yield report.subtitle
    for part in report.parts:
        yield from ("", part.title, "=" * len(part.title))
        width = max((len(name) for name, _ in part.facts), default=0)
        yield from (f"  {name:<{width}}  {value}" for name, value in part.facts)
        for table in part.tables:
            yield from ("", table.title, *_laid_out(table))


def _laid_out(table: Table) -> Iterator[str]:
    if not table.rows:
        yield f"  {table.empty}"
        return
    shown = [number for number, _ in enumerate(table.columns) if any(row[number] for row in table.rows)]
    rows = [table.columns, *table.rows]
    widths = {number: max(len(row[number]) for row in rows) for number in shown}
    for row in rows:
        yield "  " + "  ".join(f"{row[number]:<{widths[number]}}" for number in shown).rstrip()
