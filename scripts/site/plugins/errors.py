"""Datasette plugin: errors as a page in plain words, or as JSON.

It takes the place of Datasette's own, which prints the local variables of every wrong address to the
log, at a fifth of a second each.
"""

import logging
import sqlite3

from datasette import Response, hookimpl
from datasette.database import QueryInterrupted
from datasette.plugins import pm
from datasette.utils.asgi import Base400
from datasette.views.base import DatasetteError
from markupsafe import Markup

pm.unregister(name="datasette.handle_exception")
_log = logging.getLogger("prc-reach")


def _cannot_be_read(request, exception: Exception) -> bool:
    """Whether Datasette stumbled over one of its parameters (`_size`, `_next`, `name__in` …), which it does not check."""
    wrong_value = isinstance(exception, (ValueError, LookupError, TypeError, AssertionError))
    return wrong_value and any(key.startswith("_") or "__" in key for key in request.args)


@hookimpl
def handle_exception(datasette, request, exception):
    async def answer():
        too_long = f"The query took more than {datasette.sql_time_limit_ms / 1000:g} seconds"
        told = {"ok": False, "error": "The site made a mistake; it has been noted.", "status": 500, "title": None}
        if isinstance(exception, DatasetteError):
            message = Markup(exception.message) if exception.message_is_html else exception.message
            # Datasette gives 500 to a wrong `_sort` or `_size`, which is the asker's mistake.
            status = 400 if exception.status == 500 else exception.status
            told |= {"error": message, "status": status, "title": exception.title} | exception.error_dict
            if isinstance(exception.__context__, QueryInterrupted):  # of which Datasette tells with a script
                told["error"] = too_long
        elif isinstance(exception, Base400):
            told |= {"error": exception.args[0] if exception.args else "", "status": exception.status}
        elif isinstance(exception, (QueryInterrupted, sqlite3.Error)):  # Datasette does not expect them everywhere
            told |= {"error": too_long if isinstance(exception, QueryInterrupted) else str(exception), "status": 400}
        elif _cannot_be_read(request, exception):
            _log.warning("%s: %s", request.path, type(exception).__name__)
            told |= {"error": "A parameter of this address cannot be read", "status": 400}
        else:
            _log.error("%s failed", request.path, exc_info=exception)
        headers = {"access-control-allow-origin": "*"}
        if request.path.endswith(".json"):
            return Response.json(told, status=told["status"], headers=headers)
        page = await datasette.render_template("error.html", told, request=request)
        return Response.html(page, status=told["status"], headers=headers)

    return answer
