"""What happens in a face, in words and colours."""

WORDS = {
    "micro": "micro-expression",
    "macro": "macro-expression",
    "given": "given onset and apex",
    "blink": "blink",
    "talking": "talking",
    "head": "head movement",
}
COLOURS = {
    "micro": "#c0392b",
    "macro": "#c77700",
    "given": "#c0392b",
    "blink": "#7d8a97",
    "talking": "#8e44ad",
    "head": "#b8c2cc",
}
EXPRESSIONS = ("micro", "macro", "given")  # what is answered


def rgb(kind: str) -> tuple[int, ...]:
    """Its colour, 0 to 255."""
    return tuple(bytes.fromhex(COLOURS[kind][1:]))
