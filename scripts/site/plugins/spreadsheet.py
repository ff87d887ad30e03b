"""Datasette plugin: the rows of any table, view, question or query as an Excel workbook."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from datasette import Response, hookimpl
from datasette.utils.asgi import BadRequest

from scripts.export.workbook import sheet
from scripts.problem import Broken

_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_NAME = 31  # characters of a sheet's name
_MAKER = ThreadPoolExecutor(1, "workbook")


@hookimpl
def register_output_renderer():
    return {"extension": "xlsx", "render": _workbook, "can_render": lambda columns: bool(columns)}


async def _workbook(datasette, request, database, table, query_name, columns, rows, data):
    """All rows that the address stands for, not only those of its first page."""
    name = table or query_name or "query"
    if table:
        columns, rows = await _every_page(datasette, request)
    elif data.get("truncated"):
        limit = datasette.setting("max_returned_rows")
        raise BadRequest(f"The answer has more than {limit:,} rows: add a LIMIT, or take it as CSV")
    try:
        # In a thread, one at a time, so that others are answered and memory is that of one.
        make = partial(sheet, name[:_NAME], columns, [tuple(row) for row in rows])
        body = await asyncio.get_running_loop().run_in_executor(_MAKER, make)
    except Broken as broken:
        raise BadRequest(broken.problems[0].message) from None
    headers = {"content-disposition": f'attachment; filename="{name}.xlsx"'}
    return Response(body, content_type=_TYPE, headers=headers)


async def _every_page(datasette, request):
    """The columns and rows of a table as its JSON gives them, page after page."""
    path = request.path.removesuffix(".xlsx") + ".json"
    arguments = {key: values for key in request.args if (values := request.args.getlist(key))}
    arguments |= {"_size": ["max"], "_shape": ["arrays"]}
    rows, columns = [], []
    while True:
        page = (await datasette.client.get(path, params=arguments)).json()
        if not page.get("ok", True):
            raise BadRequest(page.get("error") or "These rows cannot be read")
        columns, rows = page["columns"], rows + page["rows"]
        if not page.get("next"):
            return columns, rows
        arguments["_next"] = [page["next"]]
