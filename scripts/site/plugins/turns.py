"""Datasette plugin: no page keeps the others waiting while it is made."""

from datasette import hookimpl

from scripts.site.turns import after_cell, in_turns


@hookimpl
def prepare_jinja2_environment(env):
    env.globals["in_turns"] = in_turns


@hookimpl
def render_cell():
    """Datasette asks for each cell, and waits for what it is given to wait for."""
    return after_cell()
