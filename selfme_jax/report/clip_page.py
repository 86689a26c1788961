"""The page of a clip, and that of several: self-contained but for links to each other.

Made from clips of predictions.json, as dicts.
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple, Protocol

from etils import epath

from selfme_jax import files
from selfme_jax.report import clip_tables, html, kinds, words
from selfme_jax.targets import facs

MOST = 120  # expressions shown with pictures
LIKELY = 0.15  # action units that are drawn from

CAUTION = (
    "This says how skin moved, not what a person feels, means or hides. It is for "
    "research, never for decisions about people."
)


class Pictures(Protocol):
    """JPEG, JPEG and PNG."""

    @property
    def onset(self) -> bytes: ...
    @property
    def apex(self) -> bytes: ...
    @property
    def motion(self) -> bytes: ...
    @property
    def longest(self) -> float: ...


class Card(NamedTuple):
    """An expression as the page shows it; bars: (words, share, text, strong)."""

    title: str
    verdict: str
    facts: str
    classes: Sequence[tuple[str, float, str, bool]]
    aus: Sequence[tuple[str, float, str, bool]]
    pictures: Mapping[str, str]
    longest: str
    colour: str


def write(
    path: epath.Path,
    clip: Mapping[str, Any],
    *,
    model: Sequence[str],
    pictures: Mapping[int, Pictures],
    timeline: bytes | None,
    downloads: Sequence[tuple[str, str]],
    command: str,
) -> None:
    """Write the page of a clip, atomically.

    Args:
        path: of the .html file.
        clip: of predictions.json.
        model: sentences about what answered, its measured scores among them.
        pictures: by number of the interval.
        timeline: PNG; None where nothing was watched.
        downloads: (file name, what it is) of what lies beside the page.
        command: what makes it again.
    """
    shown = [
        n for n, i in enumerate(clip["intervals"]) if i["kind"] in kinds.EXPRESSIONS
    ]
    best = sorted(shown, key=lambda n: -clip["intervals"][n]["strength"])[:MOST]
    others: dict[str, list[str]] = {}
    for interval in clip["intervals"]:
        if interval["kind"] not in kinds.EXPRESSIONS:
            kind = kinds.WORDS[interval["kind"]]
            others.setdefault(kind, []).append(_when(interval))
    page = (
        html.environment()
        .get_template("clip.html.j2")
        .render(
            title=words.shorten(PurePath(clip["path"]).name, 60),
            clip=clip,
            cards=[_card(clip["intervals"][n], pictures.get(n)) for n in sorted(best)],
            left_out=len(shown) - len(best),
            others=others,
            model=model,
            scores=[line for line in model if "UF1" in line],
            caution=CAUTION,
            timeline=_data(timeline, "png") if timeline else "",
            downloads=downloads,
            command=command,
            length=_length(clip),
            clock=_clock,
        )
    )
    files.write(path, page)


def write_several(
    path: epath.Path,
    clips: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    left_out: Mapping[str, str],
    model: Sequence[str],
    downloads: Sequence[tuple[str, str]],
    command: str,
) -> None:
    """Write the page of several clips, atomically.

    Args:
        path: of the .html file.
        clips: (folder beside the page, clip of predictions.json) of each.
        left_out: by path, why nothing is said of others.
        model, downloads, command: see ``write``.
    """
    rows = []
    for folder, clip in clips:
        found = [i for i in clip["intervals"] if i["kind"] in kinds.EXPRESSIONS]
        told = [clip_tables.said(i) for i in found]
        rows.append((folder, clip, len(found), told, _length(clip)))
    page = (
        html.environment()
        .get_template("clips.html.j2")
        .render(
            title=f"{len(clips)} clips",
            rows=rows,
            left_out=left_out,
            model=model,
            scores=[line for line in model if "UF1" in line],
            caution=CAUTION,
            downloads=downloads,
            command=command,
        )
    )
    files.write(path, page)


def _card(interval: Mapping[str, Any], pictures: Pictures | None) -> Card:
    best = interval["class"]
    classes = [
        (name, p, f"{100 * p:.0f} %", name == best)
        for name, p in interval["probabilities"].items()
    ]
    aus = [
        (
            f"{facs.name(unit)}{_side(interval, unit)}",
            p,
            f"{100 * p:.0f} %",
            unit in interval["noted"],
        )
        for unit, p in sorted(interval["aus"].items(), key=lambda item: -item[1])
        if unit in interval["noted"] or p >= LIKELY
    ]
    images = {}
    if pictures is not None:
        images = {
            "onset": _data(pictures.onset, "jpeg"),
            "apex": _data(pictures.apex, "jpeg"),
            "motion": _data(pictures.motion, "png"),
        }
    verdict = "no expression" if interval["no_expression"] else best or ""
    if interval["unsure"] and not interval["no_expression"]:
        verdict = f"not sure (most probable: {best})"
    return Card(
        f"{kinds.WORDS[interval['kind']]}, {_when(interval)}",
        verdict,
        _facts(interval),
        classes,
        aus,
        images,
        f"{pictures.longest:.1f}" if pictures is not None else "",
        kinds.COLOURS[interval["kind"]],
    )


def _facts(interval: Mapping[str, Any]) -> str:
    onset, apex, offset = (interval[key] for key in ("onset", "apex", "offset"))
    if interval["kind"] == "given":
        return f"Frames {onset} (onset) and {apex} (apex)."
    lasts = 1000 * (interval["seconds"][2] - interval["seconds"][0])
    return (
        f"Frames {onset} (onset), {apex} (apex), {offset} (offset); {lasts:.0f} ms; "
        f"the skin moves by up to {100 * interval['strength']:.1f} % of the width of "
        "what is cut out around the face."
    )


def _side(interval: Mapping[str, Any], unit: str) -> str:
    side = interval["sides"].get(unit, "both")
    return "" if side == "both" else f", {side} of the picture"


def _when(interval: Mapping[str, Any]) -> str:
    onset, _, offset = interval["seconds"]
    if interval["kind"] == "given":
        return f"frames {interval['onset']} and {interval['apex']}"
    return f"{_clock(onset)} to {_clock(offset)} s"


def _clock(seconds: float) -> str:
    """'3.21' or '1:02:03.21'."""
    minutes, rest = divmod(round(100 * seconds), 6000)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest / 100:05.2f}"
    return f"{minutes}:{rest / 100:05.2f}" if minutes else f"{rest / 100:.2f}"


def _length(clip: Mapping[str, Any]) -> str:
    parts = [f"{clip['frames']} frames"]
    if clip["fps"]:
        parts.append(f"{clip['fps']:.4g} frames/s")
        parts.append(f"{_clock(clip['seconds'])} s")
    return ", ".join([*parts, f"{clip['width']}x{clip['height']}"])


def _data(image: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
