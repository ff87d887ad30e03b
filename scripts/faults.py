"""What pydantic finds wrong in a declaration, in plain words: what is there, what may be there, what is nearest."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator
from datetime import date

from pydantic import BaseModel, ValidationError

from .descriptor import NAMED_PATTERNS
from .problem import Broken, Problem, did_you_mean, nearest

Path_ = tuple[str | int, ...]
_KINDS = {
    date: "a date",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}
# Of the types of error that the models can give those that say which kind of value is allowed.
_WANTED = {
    "string_type": "text in quotes",
    "bool_type": "true or false, without quotes",
    "int_type": "a whole number, without quotes",
    "float_type": "a number, without quotes",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "none_required": "nothing",
}
_UNION = ("int", "float", "str")  # what pydantic adds to the place for each member of a union


def validated(model: type[BaseModel], value: object, name: str, line_of: Callable[[Path_], int]):
    """`value`, the content of the file called `name`, as the model. `line_of` gives the line of a place in the file.

    Raises `Broken` with every problem.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Broken(_problems(model, error.errors(), name, line_of)) from None


def _problems(model: type[BaseModel], items: list[dict], name: str, line_of: Callable) -> Iterator[Problem]:
    places: dict[Path_, list[dict]] = {}
    for item in items:
        places.setdefault(tuple(step for step in item["loc"] if step not in _UNION), []).append(item)
    # A key that is missing since it is misspelt is told by the misspelt one.
    misspelt = {
        (*path[:-1], nearest(str(path[-1]), _keys(_model_at(model, path[:-1]))))
        for path, found in places.items()
        if found[0]["type"] == "extra_forbidden"
    }
    for path, found in places.items():
        if found[0]["type"] != "missing" or path not in misspelt:
            message, hint = _words(model, path, found)
            given = found[0].get("input")
            value = str(given) if isinstance(given, (str, int, float, bool)) else None
            yield Problem(name, "declaration", message, line=line_of(path), value=value, hint=hint)


def _words(model: type[BaseModel], path: Path_, found: list[dict]) -> tuple[str, str | None]:
    """What is wrong at `path`, where pydantic found these errors, and what would be right."""
    first, key = found[0], _place(path)
    context, given = first.get("ctx", {}), first.get("input")
    match first["type"]:
        case "extra_forbidden":
            known = _keys(_model_at(model, path[:-1]))
            there = f"there is no key {path[-1]!r} here"
            return there, did_you_mean(str(path[-1]), known) or _elsewhere(model, path) or f"keys: {', '.join(known)}"
        case "missing":
            return f"the key {path[-1]!r} is missing", "add it; where it is there, look for its place in the brackets"
        case "value_error":
            message, _, hint = str(context["error"]).partition("; ")
            return message, hint or None
        case "literal_error":
            allowed = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
            hint = f"allowed: {', '.join(allowed)}"
            near = did_you_mean(given, allowed) if isinstance(given, str) and len(allowed) > 1 else None
            return f"{key} cannot be {_shown(given)}", f"{near} {hint}" if near else hint
        case "string_too_short":
            return f"{key} is empty", "write a text, or leave the key out where it may be missing"
        case "string_pattern_mismatch":
            return f"{key} cannot be {given!r}", f"write it {NAMED_PATTERNS[context['pattern']]}"
        case "too_short":
            return f"{key} has nothing in it", f"it must hold {context['min_length']} or more"
        case "too_long":
            return f"{key} holds {context['actual_length']}", f"at most {context['max_length']} may stand here"
        case "greater_than_equal" | "less_than_equal":
            bound = "least is {ge}" if "ge" in context else "most is {le}"
            return f"{key} cannot be {given}", f"the {bound.format_map(context)}"
    told = f"the text {given!r}" if isinstance(given, str) else _kind(given)
    wanted = dict.fromkeys(_WANTED[item["type"]] for item in found if item["type"] in _WANTED)
    return f"{key} is {told}", f"it must be {' or '.join(wanted)}"


def _place(path: Path_) -> str:
    """The key at the end of the path, in quotes; with its number where it is an item of a list."""
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        return f"item {path[-1] + 1} of {_place(path[:-1])}"
    return repr(path[-1])


def _kind(value: object) -> str:
    return "null" if value is None else _KINDS.get(type(value), "something else")


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else _kind(value)


def _elsewhere(model: type[BaseModel], path: Path_) -> str | None:
    """Where the key may stand, if not here: inside one of the keys that are here."""
    here = _model_at(model, path[:-1])
    for key in _keys(here):
        inner = _model_at(model, (*path[:-1], key))
        if inner and path[-1] in _keys(inner):
            return f"put it into {key!r}"
    return None


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [field.alias or key for key, field in model.model_fields.items()] if model else []


def _model_at(model: type[BaseModel], path: Path_) -> type[BaseModel] | None:
    """The model that reads what stands at `path`, if a model does."""
    kind: object = model
    for step in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = {field.alias or key: field for key, field in kind.model_fields.items()}
            kind = _one(fields[step].annotation) if step in fields else None
        else:
            arguments = typing.get_args(kind)
            kind = _one(arguments[-1]) if arguments else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _one(kind: object) -> object:
    """The kind without what only says that it may be missing, or how it is checked."""
    while typing.get_origin(kind) in (typing.Annotated, typing.Union, types.UnionType):
        kind = typing.get_args(kind)[0]
    return kind
