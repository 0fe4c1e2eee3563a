"""A report as PDF."""

from collections.abc import Sequence
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

from agent.reports.document import Part, Report, Table

FONTS = (Path("/usr/share/fonts/truetype/dejavu"), Path("/usr/share/fonts/dejavu-sans-fonts"), Path("/usr/share/fonts/TTF"))
"""Where a font with more than Latin letters is looked for; without one, other letters are printed as question marks."""


class Paper(FPDF):
    """A4, lying: outages have many columns."""

    def __init__(self, report: Report) -> None:
        super().__init__(orientation="landscape", format="A4")
        self._report = report
        self._family = self._find_font()
        self.set_title(report.title)
        self.set_creator("fabd")
        self.set_margin(12)
        self.set_auto_page_break(auto=True, margin=14)
        self._write(report)

    def footer(self) -> None:
        self.set_y(-10)
        self.set_font(self._family, size=7)
        self.cell(0, 4, self._known(f"{self._report.title} - page {self.page_no()}"), align="C")

    def _write(self, report: Report) -> None:
        for number, part in enumerate(report.parts or [Part("There is nothing to report.", (), ())]):
            self.add_page()
            if number == 0:
                self._line(report.title, size=18, bold=True)
                self._line(report.subtitle, size=9)
            self._line(part.title, size=13, bold=True)
            for name, value in part.facts:
                self._line(f"{name}: {value}", size=9)
            for table in part.tables:
                self._table(table)

    def _table(self, table: Table) -> None:
        self.ln(2)
        self._line(table.title, size=10, bold=True)
        if not table.rows:
            self._line(table.empty, size=8)
            return
        shown = [number for number, _ in enumerate(table.columns) if any(row[number] for row in table.rows)]
        rows = [table.columns, *table.rows]
        widths = tuple(_width([row[number] for row in rows]) for number in shown)
        self.set_font(self._family, size=7)
        with self.table(
            col_widths=widths,
            line_height=4,
            text_align="LEFT",
            headings_style=FontFace(emphasis="BOLD"),
            borders_layout="HORIZONTAL_LINES",
        ) as grid:
            for row in rows:
                line = grid.row()
                for number in shown:
                    line.cell(self._known(row[number]))

    def _line(self, text: str, *, size: int, bold: bool = False) -> None:
        self.set_font(self._family, style="B" if bold else "", size=size)
        self.multi_cell(0, size * 0.5, self._known(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _find_font(self) -> str:
        for folder in FONTS:
            plain, bold = folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.ttf"
            if plain.is_file() and bold.is_file():
                self.add_font("DejaVu", fname=plain)
                self.add_font("DejaVu", style="B", fname=bold)
                return "DejaVu"
        return "Helvetica"

    def _known(self, text: str) -> str:
        """The built-in fonts have Latin-1 alone."""
        return text if self._family != "Helvetica" else text.encode("latin-1", "replace").decode("latin-1")


def _width(cells: Sequence[str]) -> int:
    """Room for the longest word; long cells are wrapped."""
    word = max((len(word) for cell in cells for word in cell.split()), default=0)
    return max(word + 2, min(34, max(map(len, cells))))
