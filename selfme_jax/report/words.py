"""Names of people, clips and data, as they fit a picture or a table."""


def shorten(name: str, most: int, *, keep_end: bool = False) -> str:
    """A name on one line, of at most so many letters.

    Of long ones the middle is left out: 'sub01' and 'sub02' differ at the end.
    keep_end: the beginning is left out (of a path).
    """
    line = "".join(c if c.isprintable() else " " for c in name)
    if len(line) <= most:
        return line
    first = 0 if keep_end else (most - 3) // 2
    return f"{line[:first]}...{line[first + 3 - most :]}"
