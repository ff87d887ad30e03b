"""A row's own page: what it says, where it was read, how sure it is, and everything that refers to it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from ..descriptor import WEB_ADDRESS, Field
from ..labels import quoted
from ..package import LINKS, RECORDS
from ..records import CERTAINTY, LOCATOR, PROVENANCE, SOURCE, SPEAKER
from .content import Content, web_address

APPROXIMATE = "approximate"  # the column that says so of a row's quantities
_COUNTED = ("ordinal", "position", "rank")  # units that say only that a number is one in a series
_SHOWN = 12  # rows of one kind that refer to the row are listed, the rest is counted


@dataclass(frozen=True)
class Cell:
    """A value with its column's name in plain words; `page` is where it leads, on this site or to an address."""

    column: str
    value: object
    unit: str = ""
    meaning: str = ""
    page: str = ""
    outside: bool = False
    hedges: tuple[str, ...] = ()  # of a row that is listed: its status, and how sure it is where that is not plainly


@dataclass(frozen=True)
class Group:
    """Rows that belong together under a title; `page` leads to all of them, `number` counts them."""

    title: str
    number: int
    rows: list
    page: str = ""


@dataclass(frozen=True)
class RowPage:
    """All that a row's page shows."""

    table: str
    title: str
    label: str
    cells: list[Cell]
    source: Cell | None
    locator: str | None
    certainty: Cell | None
    speaker: str | None
    about: Cell | None
    belonging: list[Group]
    referring: list[Group]
    report: str


class Rows:
    """Makes row pages from the Datasette `database` of the package that `content` tells of."""

    def __init__(self, database, content: Content):
        self.database, self.content, self.schemas = database, content, content.package.schemas

    async def page(self, table: str, key: list[str]) -> RowPage | None:
        """The page of the row of `table` with the primary key `key`; None where there is none."""
        schema = self.schemas[table]
        where = " AND ".join(f"{quoted(column)} = ?" for column in schema.primaryKey)
        found = (await self.database.execute(f"SELECT * FROM {quoted(table)} WHERE {where}", key)).first()
        if found is None:
            return None
        row = {column: found[column] for column in schema.names}
        labels = await self._labels(table, [row])
        row_id = key[0] if schema.id else None
        record = await self._record(table, row_id) if row_id else None
        source, certainty = (
            self._cell(table, name, row, labels) if row.get(name) else None for name in (SOURCE, CERTAINTY)
        )
        shown = [
            name
            for name in schema.names
            if row[name] is not None and name != schema.id and (name not in PROVENANCE or name in schema.primaryKey)
        ]
        cells = [self._cell(table, name, row, labels) for name in shown if not _told_elsewhere(name, row)]
        return RowPage(
            table,
            schema.title,
            (record["label"] if record else None) or ", ".join(map(str, key)),
            cells,
            source if SOURCE not in schema.primaryKey else None,
            row.get(LOCATOR),
            certainty,
            row.get(SPEAKER),
            await self._about(schema, row),
            await self._belonging(table, row_id) if row_id else [],
            await self._referring(table, row_id) if row_id else [],
            self._report(table, key, row),
        )

    async def links(self, table: str, rows: list[dict]) -> list[dict[str, str]]:
        """For each shown row of `table` or its readable view, the pages that its cells lead to, by column.

        Rows are dictionaries of the shown columns; those whose key is not shown get none.
        """
        schema = self.schemas[table]
        if schema.about:
            return [
                {schema.about.row: self._page(row.get(schema.about.table), row.get(schema.about.row))} for row in rows
            ]
        ids = [row.get(schema.id) for row in rows] if schema.id else []
        if not ids or None in ids:
            return [{} for _ in rows]
        keys = [column for column in schema.targets]
        marks = ", ".join("?" * len(ids))
        columns = ", ".join(map(quoted, [schema.id, *keys]))
        found = await self.database.execute(
            f"SELECT {columns} FROM {quoted(table)} WHERE {quoted(schema.id)} IN ({marks})", ids
        )
        pages = {}
        for id_, *values in found.rows:
            linked = {column: self._page(schema.targets[column].resource, value) for column, value in zip(keys, values)}
            pages[id_] = linked | {column.removesuffix("_id"): page for column, page in linked.items()}
            pages[id_] |= dict.fromkeys(filter(None, (schema.id, schema.label_column)), self._page(table, id_))
        return [pages.get(id_, {}) for id_ in ids]

    async def surest(self) -> str:
        """The certainty level that needs no mention; empty where there is none."""
        levels = await self.levels()
        return levels[0]["row_id"] if levels else ""

    async def levels(self) -> list:
        """The records of the certainty levels, in the order of a column of whole numbers if there is one."""
        tables = (schema.targets[CERTAINTY].resource for schema in self.schemas.values() if CERTAINTY in schema.targets)
        if (table := next(tables, None)) is None:
            return []
        schema = self.schemas[table]
        rank = next((field.name for field in schema.fields if field.type == "integer"), schema.id)
        sql = f"""SELECT r.* FROM {quoted(table)} AS t JOIN {RECORDS} AS r
            ON r.table_name = ? AND r.row_id = t.{quoted(schema.id)} ORDER BY t.{quoted(rank)}"""
        return (await self.database.execute(sql, [table])).rows

    def _page(self, table: str | None, row_id: object) -> str:
        return self.content.row_page(table, row_id) if table and row_id is not None else ""

    async def _record(self, table: str, row_id: str) -> dict | None:
        sql = f"SELECT * FROM {RECORDS} WHERE table_name = ? AND row_id = ?"
        return (await self.database.execute(sql, [table, row_id])).first()

    async def _labels(self, table: str, rows: list[dict]) -> dict[tuple[str, object], dict]:
        """The records of everything that the rows refer to, by table and id."""
        targets = self.schemas[table].targets
        wanted = {
            (targets[column].resource, row[column]) for row in rows for column in targets if row.get(column) is not None
        }
        if not wanted:
            return {}
        values = ", ".join(["(?, ?)"] * len(wanted))
        sql = f"SELECT * FROM {RECORDS} WHERE (table_name, row_id) IN (VALUES {values})"
        found = await self.database.execute(sql, [part for pair in sorted(wanted) for part in pair])
        return {(record["table_name"], record["row_id"]): record for record in found.rows} | await self._units(wanted)

    async def _units(self, wanted: set[tuple[str, object]]) -> dict[tuple[str, object], str]:
        """The unit that each wanted row tells, if its table has such a column, by `unit` and id."""
        units = {}
        for table, row_id in wanted:
            if "unit" in self.schemas[table].names:
                sql = f"SELECT unit FROM {quoted(table)} WHERE {quoted(self.schemas[table].primaryKey[0])} = ?"
                units["unit", row_id] = (await self.database.execute(sql, [row_id])).single_value()
        return units

    def _cell(self, table: str, name: str, row: dict, labels: dict) -> Cell:
        field: Field = self.schemas[table].field(name)
        value, unit = row[name], self._unit(field, row, labels)
        if target := self.schemas[table].targets.get(name):
            record = labels.get((target.resource, value))
            words = record["words"] if record and name == CERTAINTY else ""
            label = record["label"] if record else value
            return Cell(
                self.content.plain(name), label, "", words or field.description, self._page(target.resource, value)
            )
        if name.endswith(("_min", "_max")):
            name, value = _bounds(name, row)
        if field.type == "boolean":
            value = "yes" if value else "no"
        elif isinstance(value, (int, float)):
            value = _number(value)
        unit = unit.removesuffix("s") if value == "1" else unit
        address = web_address(value) if field.rdfType == WEB_ADDRESS else ""
        return Cell(self.content.plain(name), value, unit, field.description, address, bool(address))

    def _unit(self, field: Field, row: dict, labels: dict) -> str:
        """The field's unit; where that is another column's to tell (`see currency`, `see indicator`), what it tells."""
        unit = field.unit or ""
        if unit in _COUNTED:
            return ""
        other = unit.removeprefix("see ")
        if other == unit:
            return unit
        return str(row[other] or "") if other in row else (labels.get(("unit", row.get(f"{other}_id"))) or unit)

    async def _about(self, schema, row: dict) -> Cell | None:
        if not schema.about or not row[schema.about.row]:
            return None
        table, row_id = row[schema.about.table], row[schema.about.row]
        record = await self._record(table, row_id)
        title = self.schemas[table].title if table in self.schemas else table
        return Cell(title, record["label"] if record else row_id, page=self._page(table, row_id))

    async def _belonging(self, table: str, row_id: str) -> list[Group]:
        """Rows of other tables that are about this one, whole: its citations, other names, disagreements."""
        groups = []
        for name, schema in self.schemas.items():
            if schema.about:
                where, values = (
                    f"{quoted(schema.about.table)} = ? AND {quoted(schema.about.row)} = ?",
                    [table, row_id],
                )
                hidden = {schema.about.table, schema.about.row}
            elif not schema.id and getattr(schema.targets.get(schema.primaryKey[0]), "resource", None) == table:
                where, values, hidden = f"{quoted(schema.primaryKey[0])} = ?", [row_id], {schema.primaryKey[0]}
            else:
                continue
            found = await self.database.execute(f"SELECT * FROM {quoted(name)} WHERE {where}", values)
            rows = [{column: each[column] for column in schema.names} for each in found.rows]
            if rows:
                shown = [column for column in schema.names if column not in hidden and column != schema.id]
                shown = [column for column in shown if any(row[column] is not None for row in rows)]
                if schema.id:  # where such a row was read is on its own page
                    shown = [column for column in shown if column not in PROVENANCE]
                labels = await self._labels(name, rows)
                cells = [await self._belonging_cells(name, shown, row, labels) for row in rows]
                groups.append(Group(schema.title, len(rows), cells))
        return groups

    async def _belonging_cells(self, name: str, shown: list[str], row: dict, labels: dict) -> list[Cell]:
        schema, cells = self.schemas[name], []
        for column in shown:
            if row[column] is not None:
                cell = self._cell(name, column, row, labels)
                cells.append(cell)
                record = (
                    labels.get((schema.targets[column].resource, row[column])) if column in schema.targets else None
                )
                if record and record["url"]:
                    cells.append(Cell("Address", record["url"], page=web_address(record["url"]), outside=True))
        if schema.id:
            cells.append(Cell("", "row", page=self._page(name, row[schema.id])))
        return cells

    async def _referring(self, table: str, row_id: str) -> list[Group]:
        """Rows that refer to this one, by the column in which they do."""
        sql = f"""SELECT * FROM (SELECT l.via, l.table_name, l.row_id, r.label, r.date, r.status, r.certainty, count(*) OVER (PARTITION BY l.via) AS number,
              row_number() OVER (PARTITION BY l.via ORDER BY r.date, r.label, l.row_id) AS place
            FROM {LINKS} AS l JOIN {RECORDS} AS r USING (table_name, row_id) WHERE l.to_table = ? AND l.to_id = ?)
            WHERE place <= {_SHOWN} ORDER BY via, place"""
        found = await self.database.execute(sql, [table, row_id])
        groups, surest = [], await self.surest()
        for via, rows in groupby(found.rows, lambda row: row["via"]):
            name, column = via.split(".")
            if self.schemas[name].about and self.schemas[name].id:
                continue  # shown whole, see _belonging
            rows = list(rows)
            # All that was read in a text, or is as sure, is only counted; what cites a text is listed.
            counted = self.schemas[name].id and column in (SOURCE, CERTAINTY)
            cells = [
                Cell(
                    "",
                    each["label"],
                    meaning=each["date"] or "",
                    page=self._page(each["table_name"], each["row_id"]),
                    hedges=hedges(each, surest),
                )
                for each in ([] if counted else rows)
            ]
            key = self.schemas[table].id
            as_what = "" if column in (key, CERTAINTY, SOURCE) else f", as {self.content.plain(column).lower()}"
            page = f"/{self.content.database}/{name}?{column}={row_id}"
            groups.append(Group(self.schemas[name].title + as_what, rows[0]["number"], cells, page))
        return groups

    def _report(self, table: str, key: list[str], row: dict) -> str:
        """The text of a report of an error in the row, to be completed and sent."""
        declared = self.content.descriptor
        lines = [f"{column}: {value}" for column, value in row.items() if value is not None]
        return "\n".join(
            [
                f"Correction to {declared.title} {declared.version}: {table} / {', '.join(map(str, key))}",
                "",
                "What is wrong:",
                "What the source says, and where:",
                "",
                f"The row as it stands in tables/{table}.csv:",
                *lines,
            ]
        )


def hedges(record, surest: str) -> tuple[str, ...]:
    """What a reader must know of a listed row at once: its status, and its certainty where that is not the surest."""
    return tuple(each for each in (record["status"], record["certainty"]) if each and each != surest)


def _told_elsewhere(name: str, row: dict) -> bool:
    """Whether another cell tells the column: the lower bound with the upper, "approximate" with the quantity."""
    if name == APPROXIMATE:
        return any(key.endswith(("_min", "_max")) and value is not None for key, value in row.items())
    return name.endswith("_min") and row.get(name.removesuffix("_min") + "_max") is not None


def _bounds(name: str, row: dict) -> tuple[str, str]:
    """The quantity of which the column `name` is a bound, and its value in words: equal bounds are an exact figure."""
    quantity = name[:-4]
    low, high = row.get(f"{quantity}_min"), row.get(f"{quantity}_max")
    about = "about " if row.get(APPROXIMATE) else ""
    if low is None or high is None:
        return quantity, f"{about}at least {_number(low)}" if high is None else f"{about}at most {_number(high)}"
    return quantity, about + (_number(low) if low == high else f"{_number(low)} to {_number(high)}")


def _number(value: float) -> str:
    """The number as it is written, without a fraction of nothing."""
    return f"{int(value):,}" if value == int(value) else f"{value:,}"
