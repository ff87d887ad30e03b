"""Datasette plugin: reconciliation for OpenRefine, by the Reconciliation Service API 0.2 of the W3C's group.

One service for everything: an entity is a row, its type the table. A name matches whole, in any
language, script or spelling that the tables have, or is found by its words as in search.
"""

import json

from datasette import Response, hookimpl
from markupsafe import Markup

from scripts.site.search import search

_LIMIT = 10  # candidates for a name
_QUERIES = 500  # names in one request
_SCORES = {2: 100, 1: 95}  # called so by its label, or by another of its names


@hookimpl
def register_routes():
    return [(r"^/reconcile$", _service), (r"^/reconcile/suggest/(?P<what>entity|type)$", _suggest)]


@hookimpl
def skip_csrf(scope):
    return scope["type"] == "http" and scope["path"] == "/reconcile"


async def _service(datasette, request):
    """The manifest, or the answers to a batch of queries."""
    try:
        form = await request.post_vars() if request.method == "POST" else {}
        asked = form.get("queries") or request.args.get("queries")
        if asked is None:
            return _told(_manifest(datasette, request))
        queries = json.loads(asked)
        json.dumps(queries, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        return _told({"error": "`queries` is not JSON"}, 400)
    if not isinstance(queries, dict) or not all(_sound(query) for query in queries.values()):
        return _told({"error": '`queries` must be like {"q0": {"query": "Beidou", "type": "satellite_systems"}}'}, 400)
    if len(queries) > _QUERIES:
        return _told({"error": f"at most {_QUERIES} queries at once"}, 400)
    return _told({key: {"result": await _candidates(datasette, query)} for key, query in queries.items()})


async def _suggest(datasette, request):
    """Rows or tables for what was typed so far."""
    prefix = request.args.get("prefix") or ""
    if request.url_vars["what"] == "type":
        wanted = prefix.casefold()
        return _told(
            {"result": [each for each in _types(datasette) if wanted in f"{each['id']} {each['name']}".casefold()]}
        )
    found = await _candidates(datasette, {"query": prefix})
    return _told({"result": [{"id": each["id"], "name": each["name"], "notable": each["type"]} for each in found]})


def _sound(query: object) -> bool:
    if not isinstance(query, dict) or not isinstance(query.get("query"), str):
        return False
    limit = query.get("limit", 1)
    return (
        isinstance(limit, int)
        and not isinstance(limit, bool)
        and limit > 0
        and isinstance(query.get("type", ""), (str, list))
    )


async def _candidates(datasette, query: dict) -> list[dict]:
    content, wanted = datasette.content, query.get("type") or ""
    table = (wanted[0] if isinstance(wanted, list) else wanted) or ""
    text = query["query"].strip()[:200]
    found = await search(datasette.get_database(content.database), text, str(table), 1, content.alias_tables)
    titles = {each["id"]: each for each in _types(datasette)}
    result = []
    for place, hit in enumerate(found.hits[: min(query.get("limit", _LIMIT), _LIMIT)]):
        name = Markup(hit.label).striptags()
        score = _SCORES.get(hit.called, max(10, 60 - 5 * place))
        result.append(
            {
                "id": f"{hit.table}/{hit.row_id}",
                "name": name,
                "type": [titles[hit.table]],
                "score": score,
                "match": False,
            }
        )
    # Sure is only who alone is called so.
    if result and result[0]["score"] >= 95 and (len(result) == 1 or result[1]["score"] < result[0]["score"]):
        result[0]["match"] = True
    return result


def _types(datasette) -> list[dict]:
    schemas = datasette.content.package.schemas
    return [{"id": name, "name": schema.title} for name, schema in schemas.items() if schema.id]


def _manifest(datasette, request) -> dict:
    content = datasette.content
    base = content.base(datasette, request)
    return {
        "versions": ["0.2"],
        "name": content.title,
        "identifierSpace": f"{base}/{content.database}/",
        "schemaSpace": f"{base}/{content.database}/",
        "view": {"url": f"{base}/{content.database}/{{{{id}}}}"},
        "defaultTypes": _types(datasette),
        "suggest": {
            "entity": {"service_url": base, "service_path": "/reconcile/suggest/entity"},
            "type": {"service_url": base, "service_path": "/reconcile/suggest/type"},
        },
    }


def _told(content: dict, status: int = 200) -> Response:
    return Response.json(content, status=status, headers={"access-control-allow-origin": "*"})
