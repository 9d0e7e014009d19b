"""Workbooks for tests, written by hand: no library that writes them is part of this project."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="4"/></cellXfs></styleSheet>'
)
Cell = str | int | float | None


def letters(column: int) -> str:
    """1 is A, 28 is AB."""
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def sheet_xml(rows: Sequence[Sequence[Cell]], texts: dict[str, int], hidden_columns: bool = False) -> str:
    """One sheet; texts go to the shared list, empty cells and rows are left out as spreadsheets do."""
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = []
        for column, cell in enumerate(row, start=1):
            place = f"{letters(column)}{number}"
            if isinstance(cell, str):
                cells.append(f'<c r="{place}" t="s"><v>{texts.setdefault(cell, len(texts))}</v></c>')
            elif cell is not None:
                cells.append(f'<c r="{place}"><v>{cell!r}</v></c>')
        if cells:
            lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    hidden = '<cols><col min="1" max="3" hidden="1"/></cols>' if hidden_columns else ""
    return f'<worksheet xmlns="{MAIN}">{hidden}<sheetData>{"".join(lines)}</sheetData></worksheet>'


def workbook(
    sheets: Mapping[str, Sequence[Sequence[Cell]]],
    *,
    hidden: Sequence[str] = (),
    hidden_columns: bool = False,
    parts: Mapping[str, str] | None = None,
) -> bytes:
    """An XLSX with these sheets; `hidden` ones are not shown, `parts` are further members."""
    texts: dict[str, int] = {}
    bodies = [sheet_xml(rows, texts, hidden_columns) for rows in sheets.values()]
    states = {name: "veryHidden" if name in hidden else "visible" for name in sheets}
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{number}" state="{state}" r:id="r{number}"/>'
        for number, (name, state) in enumerate(states.items(), start=1)
    )
    links = "".join(f'<Relationship Id="r{n}" Target="worksheets/sheet{n}.xml"/>' for n in range(1, len(bodies) + 1))
    members = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="urn:relations">{links}</Relationships>',
        "xl/styles.xml": STYLES,
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{"".join(f"<si><t>{escape(text)}</t></si>" for text in texts)}</sst>',
        **{f"xl/worksheets/sheet{number}.xml": body for number, body in enumerate(bodies, start=1)},
        **(parts or {}),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return file.getvalue()
