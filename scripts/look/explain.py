"""What a rule means: those that are built in, told here and nowhere else, and those that the schemas declare."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import polars as pl

from ..check import read_tables
from ..descriptor import Field, Rule
from ..package import Package
from ..problem import Broken, Problem, nearest
from ..tables import lexical

# What each built-in rule asks for, and how to mend what breaks it. `check`, `fmt` and the others tell
# them by these names; the sentences hold for every package.
_BUILT_IN = {
    "spreadsheet": ("A cell of a spreadsheet says one thing for sure, as the table would write it.", "Write it in the spreadsheet as the message says; give dates and ids as text, so that the program for spreadsheets leaves them alone."),
    "merge-conflict": ("A file holds no marks of a merge that git could not finish.", "Keep the right lines of each marked place, and take out the lines of <<<<<<<, ======= and >>>>>>>."),
    "endless": ("Each table is checked in good time.", "Look at the column's pattern: it may try too many ways. Write it without a repeated group in a repeated group."),
    "merged-cells": ("A spreadsheet that is read has no merged cells, since all but the first of them are empty.", "Take the merging off in the spreadsheet, and fill each cell."),
    "unknown-column": ("A value is given for a column that the table has.", "Use a column's name as the header of the table has it."),
    "usage": ("A command gets what it needs to begin.", "See the command's --help."),
    "required": ("A column that every row must fill has a cell in every row.", "Fill the cell from the source, or take the row out if the source does not say it."),
    "type": ("A cell is written as its column's type is: a whole number, a number, true or false, a date, a year.", "Write it without units, thousands commas or words; what the number is not is left empty."),
    "pattern": ("A cell is written in the form that its column declares, such as an id, or a date as precise as the text.", "Write it like the column's example."),
    "enum": ("A cell holds one of the values that its column lists.", "Take the listed value that means it. A new value is added to the column's schema, with a reason."),
    "minimum": ("A number or date is not below what its column allows.", "Look in the source for the value and its unit."),
    "maximum": ("A number or date is not above what its column allows.", "Look in the source for the value and its unit."),
    "min-length": ("A text is not shorter than its column allows.", "Write it in full."),
    "max-length": ("A text is not longer than its column allows.", "Shorten it, and put the rest into the note."),
    "unique": ("A value of this column stands in one row only.", "Correct one of the two rows, or merge them."),
    "primary-key": ("No two rows of a table have the same key.", "Give one of the rows a key of its own, or merge the two."),
    "duplicate-row": ("No row says in all its other columns what another row of the table says.", "Take one of the two out, or give what tells them apart."),
    "look-alike-key": ("No key is read as another: 0 for o, 1 for l, rn for m, a hyphen more or less.", "Give one of the rows another key, or merge the two if they are the same."),
    "foreign-key": ("A cell that refers to a row of another table has the id of a row that is there.", "Correct the id, or add the row to the other table first."),
    "codelist": ("A cell holds a code of the international standard that its column names.", "Look up the code in the standard."),
    "row-length": ("Each line has as many cells as the table has columns, and no line is blank.", "Quote a cell that holds a comma; end the line with a comma for each empty cell."),
    "quote": ("A cell is quoted whole or not at all, and ends on the line on which it begins.", 'Quote the whole cell and double the quotes inside: "say ""yes""".'),
    "header": ("The first line has the names of the schema's columns, in its order.", "Write the first line as the hint gives it; `prc-reach fmt` puts columns in order."),
    "stray-space": ("A cell neither begins nor ends with a space, and holds no other space than the ordinary one.", "Run `prc-reach fmt`, it mends this."),
    "invisible-character": ("A cell holds no character that cannot be seen: controls, zero-width and direction marks.", "Run `prc-reach fmt`, it mends this."),
    "not-nfc": ("A text is in Unicode normal form C: an accented letter is one character where there is one.", "Run `prc-reach fmt`, it mends this."),
    "look-alike": ("A text has no letters that only look like those it is read as: Cyrillic among Latin, Latin among Chinese, full-width digits.", "Type the word anew, in the letters of one script."),
    "mojibake": ("A text is as it was written, and not what a program made of it that read it in a wrong encoding.", "Take the text anew from the source, and save the file as UTF-8."),
    "formula": ("A text does not begin as a formula does (=, +, -, @), since a spreadsheet would compute it.", "Put a word before it, or quote it; the name of an account such as @name may stand."),
    "format": ("A table is written in canonical form: rows sorted by key, columns in order, quotes only where needed.", "Run `prc-reach fmt`."),
    "line-ending": ("Lines end with LF, not with CR LF as on Windows.", "Run `prc-reach fmt`, it mends this."),
    "byte-order-mark": ("The file does not begin with a byte-order mark.", "Run `prc-reach fmt`, it takes it out."),
    "encoding": ("The file is UTF-8 text.", "Save it as UTF-8; in a spreadsheet as “CSV UTF-8”."),
    "nul": ("The file holds no NUL character.", "The file is damaged: take it anew from the last good version."),
    "empty-file": ("A table's file has at least the line with its columns' names.", "Write that line, which the hint gives."),
    "missing-file": ("Every file that the package lists is there.", "Create it, or take it off the list."),
    "unreadable-file": ("Every file that the package lists is an ordinary file that may be read.", "Look at what lies there, and at its permissions."),
    "unlisted-file": ("Every table and schema in the package's folders is listed in datapackage.json.", "Add the line that the hint gives, or take the file away."),
    "unsafe-path": ("The package lists only files below its own folder.", "Give a relative path below the package's folder."),
    "unknown-table": ("A command names a table of the package.", "Take the name that the hint offers."),
    "unknown-row": ("A command names a row that is there.", "Take the id that the hint offers, or look for it in the table's first column."),
    "unknown-rule": ("`explain` is asked for a rule that there is.", "Take the name that the hint offers; `prc-reach explain` lists all."),
    "unknown-base": ("What a command is to compare with is a revision of git, a folder or a zip file that holds a package.", "Give a branch, tag or commit that `git log` knows."),
    "declaration": ("datapackage.json and the schemas say only what their standard and this project know, and it fits together.", "Look at the line that is named; the README tells what a schema may say."),
    "json": ("datapackage.json and the schemas are JSON, no key twice.", "Look for a missing comma, quote or bracket just before the place that is named."),
    "yaml": ("metadata.yml is YAML, with the settings that the site knows.", "Look at indentation and quotes at the line that is named."),
    "frictionless": ("frictionless can read the package's declaration and gets through its tables.", "Run `frictionless validate datapackage.json` to see what it says by itself."),
    "interrupted-change": ("A command that changes several files changes all or none; what was left half done is put back before the next begins.", "Do as the hint says; `git diff` shows what differs from the last commit."),
    "output": ("What a command writes can be written where it is told to.", "Give another file or folder, or look at its permissions; what was there is untouched."),
    "port": ("The address and port to serve on are free.", "Give another with --port, or 0 for any that is free."),
    "excel-cell-length": ("A cell is not longer than Excel takes.", "Shorten the cell."),
    "excel-columns": ("A table has no more columns than a sheet of Excel.", "Split the table."),
    "excel-rows": ("A table has no more rows than a sheet of Excel.", "Split the table."),
    "excel-sheet-name": ("Two tables' names differ also where Excel cuts them.", "Give one of the tables another name."),
}  # fmt: skip

# Examples of the rules for which no schema can hold one.
_EXAMPLES = {
    "required": ("any value", "an empty cell"),
    "unique": ("a value in one row", "the same value in two rows"),
    "primary-key": ("a key in one row", "the same key in two rows"),
    "duplicate-row": ("a row that tells something of its own", "a row that differs from another in its key alone"),
    "look-alike-key": ("unit-1", "unit-l, beside unit-1"),
    "foreign-key": ("the id of a row that is there", "an id that no row has"),
    "min-length": ("as long as the column asks, or longer", "shorter"),
    "max-length": ("as long as the column allows, or shorter", "longer"),
    "codelist": ("a code of the standard", "a code of one's own"),
    "row-length": ("a,b,   (of a table with three columns)", "a,b"),
    "quote": ('"the ""old"" town"', 'the "old" town'),
    "header": ("the columns in the schema's order", "any other line"),
    "stray-space": ("old town", "old town␣"),
    "invisible-character": ("old town", "old⟨U+200B⟩ town"),
    "not-nfc": ("é (U+00E9)", "é (U+0065 U+0301)"),
    "look-alike": ("Moscow", "Mоscow (the first o is Cyrillic, U+043E)"),
    "mojibake": ("10 °C", "10 Â°C"),
    "formula": ("@name", "=1+1"),
    "line-ending": ("LF", "CR LF"),
    "unsafe-path": ("tables/t.csv", "../t.csv"),
    "json": ('["a", "b"]', '["a", "b",]'),
}


@dataclass(frozen=True)
class Variant:
    """A declared rule as one or several tables have it; its SQL and an example each way are those of the table `shown`."""

    tables: list[str]
    message: str
    shown: str
    sql: str
    column: str | None
    passes: dict[str, str | None]
    fails: dict[str, str | None]


@dataclass(frozen=True)
class Explanation:
    """What a rule means. `passes` and `fails` are cells, `where` names their column, if they are one's; `variants` are for declared ones."""

    rule: str
    what: str
    mend: str
    where: str | None = None
    passes: str | None = None
    fails: str | None = None
    variants: list[Variant] = field(default_factory=list)


def listed(package: Package) -> dict[str, str]:
    """Every rule with what it asks for, in a line: first the built-in ones, then those that the schemas declare."""
    declared = {rule.id: rule.message for schema in package.schemas.values() for rule in schema.rules}
    return {rule: what for rule, (what, _) in _BUILT_IN.items()} | {
        rule: _sentence(each) for rule, each in declared.items()
    }


def explain(package: Package, rule: str) -> Explanation:
    """What the rule means. Raises `Broken`, with the nearest, where there is none of that name."""
    found = {name: each for name, schema in package.schemas.items() for each in schema.rules if each.id == rule}
    if found:
        first = next(iter(found.values()))
        mend = "Look in the source which of the cells is wrong"
        if first.column:
            meaning = package.schemas[next(iter(found))].field(first.column).description
            mend = f"Look first at {first.column}: {meaning[0].lower()}{meaning[1:].rstrip('.')}"
        return Explanation(rule, f"Told as: {_sentence(first.message)}", f"{mend}.", variants=_variants(package, found))
    if rule in _BUILT_IN:
        what, mend = _BUILT_IN[rule]
        where, *pair = _example(package, rule) or (None, *_EXAMPLES.get(rule, (None, None)))
        return Explanation(rule, what, mend, where, *pair)
    if foreign := _of_frictionless(rule):
        return foreign
    near = nearest(rule, list(listed(package)))
    hint = f"did you mean {near!r}?" if near else "`prc-reach explain` lists all rules"
    raise Broken([Problem("rules", "unknown-rule", f"there is no rule {rule!r}", value=rule, hint=hint)])


def as_list(rules: dict[str, str]) -> str:
    """The rules for a terminal, a line each."""
    width = max(map(len, rules))
    return "\n".join(f"{rule:{width}}  {what}" for rule, what in rules.items())


def text(explanation: Explanation) -> str:
    """The explanation for a terminal."""
    lines = [explanation.rule, f"  {explanation.what}"]
    if explanation.passes:
        lines += [
            "",
            f"  In {explanation.where}" if explanation.where else "  For example",
            f"    passes  {explanation.passes}",
            f"    fails   {explanation.fails}",
        ]
    for variant in explanation.variants:
        lines += [
            "",
            f"  In {', '.join(variant.tables)}",
            *([f"  {variant.message}"] if len(explanation.variants) > 1 else []),
        ]
        more = f" (of {variant.shown}; the others have the like of it)" if len(variant.tables) > 1 else ""
        lines += [f"    SQL{more}", f"      {variant.sql}"]
        for word, example in (("passes", variant.passes), ("fails ", variant.fails)):
            lines += [f"    {word}  {_cells(example)}"] if example else []
    return "\n".join([*lines, "", f"  To mend it: {explanation.mend}"])


def _cells(example: dict[str, str | None]) -> str:
    return ", ".join(f"{name} = {'(empty)' if cell is None else cell}" for name, cell in example.items())


def _sentence(message: str) -> str:
    """A rule's message, with its columns' names where the cells of the row will stand."""
    return re.sub(r"\{([a-z0-9_]+)(!r)?\}", r"‹\1›", message)


def _variants(package: Package, found: dict[str, Rule]) -> list[Variant]:
    by_message: dict[str, list[str]] = {}
    for table, rule in found.items():
        by_message.setdefault(rule.message, []).append(table)
    variants = []
    for message, tables in by_message.items():
        examples = ((table, _passing(package, table, found[table])) for table in tables)
        shown, passes = next((each for each in examples if each[1]), (tables[0], {}))
        rule = found[shown]
        variants.append(
            Variant(tables, _sentence(message), shown, rule.check or rule.select, rule.column, passes, rule.bad_example)
        )
    return variants


def _passing(package: Package, table: str, rule: Rule) -> dict[str, str | None]:
    """The cells of the bad example as they are in a row of the table, of one that passes and fills most of them."""
    read = read_tables(package, (), [table])[table]
    rows = read.frame
    if rule.check:
        try:
            rows = rows.filter(read.typed.select(pl.sql_expr(rule.check).alias("passes"))["passes"].fill_null(False))
        except pl.exceptions.PolarsError:
            return {}
    columns = list(rule.bad_example)
    if not columns or not rows.height:
        return {}
    filled = rows.select(pl.sum_horizontal(pl.col(name).is_not_null() for name in columns)).to_series()
    return rows.select(columns).row(filled.arg_max(), named=True)


def _example(package: Package, rule: str) -> tuple[str, str, str] | None:
    """The first column whose bad example breaks the built-in rule: the column, its good and its bad example."""
    for table, schema in package.schemas.items():
        for each in schema.fields:
            if each.example and each.bad_example and _breaks(each, rule, each.bad_example):
                return f"{table}.{each.name}: {each.description}", each.example, each.bad_example
            limit = getattr(each.constraints, rule, None) if rule in ("minimum", "maximum") else None
            if isinstance(limit, int | float):
                beyond = limit + 1 if rule == "maximum" else limit - 1
                return f"{table}.{each.name}: {each.description}", str(limit), str(beyond)
    return None


def _breaks(each: Field, rule: str, cell: str) -> bool:
    limits, of_type = each.constraints, each.type == "string" or _has_type(each, cell)
    match rule:
        case "type":
            return not of_type
        case "pattern":
            return limits.pattern is not None and not re.search(limits.pattern, cell)
        case "enum":
            return limits.enum is not None and cell not in map(str, limits.enum)
        case "minimum":
            return limits.minimum is not None and each.type != "date" and of_type and float(cell) < limits.minimum
        case "maximum":
            return limits.maximum is not None and each.type != "date" and of_type and float(cell) > limits.maximum
        case "codelist":
            return each.codelist is not None and not _breaks(each, "pattern", cell)
    return False


def _has_type(each: Field, cell: str) -> bool:
    return bool(pl.DataFrame({each.name: [cell]}).select(lexical(each, each.name)).item())


def _of_frictionless(rule: str) -> Explanation | None:
    """What frictionless says of an error that is told by its own name."""
    from frictionless import errors

    for each in vars(errors).values():
        if getattr(each, "type", None) == rule and getattr(each, "description", None):
            return Explanation(
                rule,
                f"{each.title}, an error of frictionless: {each.description}",
                "Look at the line and the message that are told with it.",
            )
    return None
