"""PRC Reach: from declared tables to a checked, browsable database.

Data flows one way: `descriptor` and `tables` read, `check` validates with `standard`
(frictionless), `frames` (pandera) and `queries` (SQL), `database` builds, `site` serves.
"""

__version__ = "0.1.0"
