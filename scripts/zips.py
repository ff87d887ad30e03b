"""Zip files from elsewhere: whether what they would unpack to can be held."""

from __future__ import annotations

import zipfile

_LARGEST = 250_000_000  # bytes
_SMALL = 10_000_000  # bytes, up to which it does not matter how well they are packed
_RATIO = 100  # text is packed to a tenth, or a fortieth where it repeats itself


def swollen(member: zipfile.ZipInfo) -> bool:
    """Whether the member would unpack to more than can be held, or to far more than text does: a zip bomb.

    zipfile unpacks no more than the member says.
    """
    return member.file_size > _LARGEST or member.file_size > max(_SMALL, _RATIO * member.compress_size)
