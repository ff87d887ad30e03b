"""PRC Reach: from declared tables to a checked, browsable database.

Data flows one way: `package` and `tables` read what `descriptor` declares; `check` validates with
`standard` (frictionless), `frames` (pandera) and `queries` (SQL); `database` builds; `export` packs
what readers download and `site` serves. Beside that way stand `edit` and `look`, and `cli` before all.
"""

__version__ = "0.1.0"
