"""Datasette plugin: the pages of our own, and what the templates of Datasette's pages need."""

import re

from datasette import Response, hookimpl
from datasette.utils.asgi import AsgiFileDownload, NotFound

from scripts.package import READABLE
from scripts.site import pictures
from scripts.site.content import MANUAL, RECIPES, rendered, web_address
from scripts.site.jsonld import dataset
from scripts.site.rows import Rows
from scripts.site.search import PAGE, search, titled

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold
_KINDS = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
}


@hookimpl
def startup(datasette):
    async def count():
        """Count each table once; Datasette does the same for an immutable database, for itself."""
        content = datasette.content
        for name in content.package.schemas:
            counted = await datasette.get_database(content.database).execute(f'SELECT count(*) FROM "{name}"')
            content.rows[name] = counted.single_value()

    return count


@hookimpl
def prepare_jinja2_environment(env, datasette):
    """What every template may use, that of an error too, which gets no other variables."""
    env.globals |= {
        "content": datasette.content,
        "plain": datasette.content.plain,
        "filled": _filled,
        "web_address": web_address,
        "readable_suffix": READABLE,
        "chart_width": pictures.WIDTH,
    }


def _filled(rows: list, readable: bool) -> list[str]:
    """The columns that a table shows: all, but in a readable view only those with a value in one of the rows."""
    shown = {cell["column"]: None for row in rows for cell in row if not readable or cell["raw"] is not None}
    return list(shown)


@hookimpl
def extra_template_vars(datasette, request):
    content = datasette.content
    database = datasette.get_database(content.database)
    rows = Rows(database, content)

    async def linked(table: str, shown: list) -> list[dict]:
        name = table.removesuffix(READABLE)
        if name not in content.package.schemas:
            return [{} for _ in shown]
        return await rows.links(name, [{cell["column"]: cell["raw"] for cell in row} for row in shown])

    async def query_charts(name: str, values: dict) -> list[pictures.Chart]:
        query = content.queries.get(name) or {}
        if "chart" not in query:
            return []
        answer = await database.execute(query["sql"], values)
        rows = (dict(zip(answer.columns, row)) for row in answer.rows)
        return pictures.charts(rows, query["chart"], content.plain)

    def query_links(name: str | None, columns: list[str], rows: list) -> tuple[set[str], list[dict[str, str]]]:
        """The columns of the answer that are only there for links, and for each row the pages that its cells lead to.

        As the question's `links` say: a shown column, and the columns (or a table's name and a column) of
        the table and id of the row that it leads to, joined by a slash.
        """
        declared = (content.queries.get(name) or {}).get("links") or {}
        pairs = {shown: leads.split("/") for shown, leads in declared.items()}
        places = {column: index for index, column in enumerate(columns)}
        hidden = {part for pair in pairs.values() for part in pair if part in places}
        pages = []
        for row in rows:
            texts = [
                str(cell).strip() for cell in row
            ]  # as they are shown: what is null is a space that does not break
            parts = {
                shown: [texts[places[part]] if part in places else part for part in pair]
                for shown, pair in pairs.items()
            }
            led = {shown: pair for shown, pair in parts.items() if not {"", "&nbsp;"} & {*pair}}
            pages.append({shown: content.row_page(*pair) for shown, pair in led.items()})
        return hidden, pages

    async def choices(name: str) -> dict[str, list[str]]:
        """What a reader may put in for each parameter of the question, as its `choices` find."""
        declared = (content.queries.get(name) or {}).get("choices") or {}
        return {key: [str(value) for (value,) in (await database.execute(sql)).rows] for key, sql in declared.items()}

    return {
        "base": content.base(datasette, request),
        "linked": linked,
        "query_charts": query_charts,
        "query_links": query_links,
        "choices": choices,
        "row_page": rows.page,
    }


@hookimpl
def register_routes():
    return [
        (r"^/$", _home),
        (r"^/search$", _search),
        (r"^/map$", _map),
        (r"^/about$", _about),
        (r"^/manual$", _manual),
        (r"^/recipes$", _recipes),
        (r"^/dictionary$", _dictionary),
        (r"^/downloads$", _downloads),
        (r"^/downloads/(?P<path>.+)$", _download),
        (r"^/changes\.atom$", _feed),
        (r"^/sitemap\.xml$", _sitemap),
        (r"^/robots\.txt$", _robots),
    ]


async def _page(datasette, request, template: str, **values) -> Response:
    return Response.html(await datasette.render_template(template, values, request=request))


async def _home(datasette, request):
    content = datasette.content
    return await _page(datasette, request, "index.html", dataset=dataset(content, content.base(datasette, request)))


async def _search(datasette, request):
    content = datasette.content
    query, table = request.args.get("q", "").strip()[:200], request.args.get("in", "")
    page = (
        max(1, int(number))
        if (number := request.args.get("page", "1")).isascii() and number.isdigit() and len(number) < 6
        else 1
    )
    found = await search(datasette.get_database(content.database), query, table, page, content.alias_tables)
    pages = -(-found.total // PAGE)
    titles = [(each.title, each.page) for each in content.questions]
    titles += [(card.title, card.page) for domain in content.domains for card in domain.tables]
    return await _page(
        datasette, request, "search.html", query=query, table=table, found=found, page=page, pages=pages, offered=titled(query, titles),
        titles={name: schema.title for name, schema in content.package.schemas.items()},
    )  # fmt: skip


async def _map(datasette, request):
    content = datasette.content
    views = content.settings.get("map") or [
        {"name": "world", "title": "World", "west": -180, "south": -60, "east": 180, "north": 85}
    ]
    view = next((each for each in views if each["name"] == request.args.get("view")), views[0])
    found = await pictures.places(datasette.get_database(content.database), content)
    return await _page(
        datasette, request, "map.html", views=views, view=view, places=found, markers=pictures.markers(found, view)
    )


async def _about(datasette, request):
    content = datasette.content
    levels = await Rows(datasette.get_database(content.database), content).levels()
    return await _page(datasette, request, "about.html", levels=levels)


async def _manual(datasette, request):
    return await _text(datasette, request, "Coding manual", MANUAL)


async def _recipes(datasette, request):
    return await _text(datasette, request, "Recipes", RECIPES)


async def _text(datasette, request, title: str, name: str) -> Response:
    return await _page(datasette, request, "text.html", title=title, text=rendered(datasette.content.text(name)))


async def _dictionary(datasette, request):
    return await _page(datasette, request, "dictionary.html", entries=datasette.content.dictionary)


async def _downloads(datasette, request):
    return await _page(datasette, request, "downloads.html")


async def _download(datasette, request):
    content, path = datasette.content, request.url_vars["path"]
    if path not in {file.path for file in content.downloads}:
        raise NotFound("There is no such download")
    ending = path.rsplit(".", 1)[-1]
    return AsgiFileDownload(
        str(content.folder / path), path.rsplit("/", 1)[-1], content_type=_KINDS.get(ending, "application/octet-stream")
    )


async def _feed(datasette, request):
    text = await datasette.render_template("changes.atom", {}, request=request)
    return Response(_NO_XML.sub("\ufffd", text), content_type="application/atom+xml; charset=utf-8")


async def _sitemap(datasette, request):
    """Every page that a search engine should know: our own, the questions, each table and each row."""
    content = datasette.content
    paths = ["/", "/about", "/manual", "/recipes", "/dictionary", "/downloads", "/map", f"/{content.database}"]
    paths += [question.page for question in content.questions]
    paths += [card.page for domain in content.domains for card in domain.tables]
    found = await datasette.get_database(content.database).execute(
        "SELECT table_name, row_id FROM records ORDER BY rowid"
    )
    paths += [content.row_page(table, row_id) for table, row_id in found.rows]
    text = await datasette.render_template("sitemap.xml", {"paths": paths}, request=request)
    return Response(_NO_XML.sub("\ufffd", text), content_type="application/xml; charset=utf-8")


async def _robots(datasette, request):
    return Response.text(
        f"User-agent: *\nAllow: /\nSitemap: {datasette.content.base(datasette, request)}/sitemap.xml\n"
    )
