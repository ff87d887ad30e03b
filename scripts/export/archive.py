"""A zip file that is the same, byte for byte, for the same files: fixed order, dates and permissions."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

_FIRST, _LAST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)  # what the format can say


def write(path: Path, files: Mapping[str, bytes], created: datetime) -> None:
    """Write `files`, contents by name, to the zip file `path`, each dated `created`."""
    date = min(max(created.timetuple()[:6], _FIRST), _LAST)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, date)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # Unix, whatever this machine is
            member.external_attr = 0o100644 << 16
            archive.writestr(member, files[name])
