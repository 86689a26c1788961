"""What a cell of a sheet, or the name of a folder, says."""

import re
import unicodedata

_DIGITS = 9  # no video has a thousand million frames


def clean(text: object) -> str:
    """One form of each letter, blanks of all kinds at the ends stripped."""
    return "" if text is None else unicodedata.normalize("NFKC", str(text)).strip()


def plain(text: object) -> str:
    """Letters and digits alone, lower case: how names are compared."""
    return re.sub(r"[^a-z0-9]", "", clean(text).lower())


def integer(cell: str) -> int | None:
    """The whole number a cell holds ('46', '46.0'), or None ('/', '', '?').

    Raises:
        ValueError: one that no frame can have.
    """
    match = re.fullmatch(r"(-?\d+)(?:\.0*)?", cell)
    if match is None:
        return None
    if len(match[1]) > _DIGITS or match[1][0] == "-":
        raise ValueError(f"{short(cell)} is no frame number")
    return int(match[1])


def short(text: object) -> str:
    """As a message quotes it."""
    quoted = repr(str(text))
    return quoted if len(quoted) < 60 else f"{quoted[:56]}...'"
