"""Names of people, clips and data, as they fit a picture or a table."""


def shorten(name: str, most: int, *, keep_end: bool = False) -> str:
    """A name on one line, of at most so many letters.

    keep_end: its last letters are the telling ones (of a path), not the first.
    """
    line = "".join(c if c.isprintable() else " " for c in name)
    if len(line) <= most:
        return line
    return f"...{line[3 - most :]}" if keep_end else f"{line[: most - 3]}..."
