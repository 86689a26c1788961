"""What was found in clips as text: CSV, ELAN, subtitles.

All are made from clips of predictions.json, as dicts.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from selfme_jax.report import kinds

_TIERS = {"blink": "blinks", "talking": "talking", "head": "head"}


def said(interval: Mapping[str, Any]) -> str:
    """'positive 0.93', 'not sure (positive 0.41)', 'no expression'; '' = not asked."""
    if interval["no_expression"]:
        return "no expression"
    if interval["class"] is None:
        return ""
    best = f"{interval['class']} {interval['probabilities'][interval['class']]:.2f}"
    return f"not sure ({best})" if interval["unsure"] else best


def units(interval: Mapping[str, Any]) -> list[str]:
    """'AU 12 left' of those that are noted."""
    words = []
    for unit in interval["noted"]:
        side = interval["sides"].get(unit, "both")
        words.append(f"AU {unit}" + ("" if side == "both" else f" {side}"))
    return words


def line(interval: Mapping[str, Any]) -> str:
    """Kind, class and action units in one line."""
    parts = [kinds.WORDS[interval["kind"]], said(interval), ", ".join(units(interval))]
    return ": ".join(part for part in parts if part)


def csv_text(clips: Sequence[Mapping[str, Any]]) -> str:
    """A row for each interval, for each stretch without a face, and for each note.

    The latter are of kind 'unseen' and 'note'.
    """
    answered = [i for clip in clips for i in clip["intervals"]]
    classes = list(dict.fromkeys(c for i in answered for c in i["probabilities"]))
    aus = sorted({au for i in answered for au in i["aus"]}, key=int)
    head = [
        *("clip", "kind", "onset", "apex", "offset"),
        *("onset_seconds", "apex_seconds", "offset_seconds", "strength", "region"),
        *("class", "unsure", "no_expression"),
        *(f"prob_{name}" for name in classes),
        *(f"au{unit}" for unit in aus),
        *("aus_seen", "note"),
    ]
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, head, restval="", lineterminator="\n")
    writer.writeheader()
    for clip in clips:
        for interval in clip["intervals"]:
            writer.writerow({"clip": clip["path"], **_row(interval)})
        for gap in clip["unseen"]:
            writer.writerow({"clip": clip["path"], **_unseen(gap)})
        for note in clip["notes"]:
            writer.writerow({"clip": clip["path"], "kind": "note", "note": note})
    return buffer.getvalue()


def elan(clip: Mapping[str, Any]) -> str:
    """Tab-delimited text for ELAN (File, Import, CSV / Tab-delimited Text).

    Columns: tier, begin and end (seconds), annotation. A row of names comes first.
    """
    rows = []
    for interval in clip["intervals"]:
        onset, apex, offset = interval["seconds"]
        tier = _TIERS.get(interval["kind"], "expressions")
        rows.append((tier, onset, offset, line(interval)))
        if tier == "expressions":
            rows.append(("apexes", apex, apex + 0.001, "apex"))
            rows += [("action units", onset, offset, u) for u in units(interval)[:1]]
    rows += [("notes", *gap["seconds"], gap["why"]) for gap in clip["unseen"]]
    end = max(clip["seconds"], 0.001)
    rows += [("notes", 0.0, end, note) for note in clip["notes"][:1]]
    lines = ["\t".join(("Tier", "Begin Time", "End Time", "Annotation"))]
    for tier, begin, end, text in rows:
        plain = " ".join(text.split())
        lines.append(f"{tier}\t{begin:.3f}\t{max(end, begin + 0.001):.3f}\t{plain}")
    return "\n".join(lines) + "\n"


def subtitles(clip: Mapping[str, Any]) -> str:
    """SubRip (.srt): what is found, while it lasts; notes in the first seconds."""
    shown = [
        (i["seconds"][0], max(i["seconds"][2], i["seconds"][0] + 0.1), line(i))
        for i in clip["intervals"]
    ]
    shown += [(*gap["seconds"], f"[{gap['why']}]") for gap in clip["unseen"]]
    if clip["notes"]:
        shown.append((0.0, 3.0, "\n".join(f"[{note}]" for note in clip["notes"])))
    blocks = [
        f"{number}\n{_clock(begin)} --> {_clock(max(end, begin + 0.1))}\n{text}\n"
        for number, (begin, end, text) in enumerate(sorted(shown), start=1)
    ]
    return "\n".join(blocks)


def _row(interval: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("kind", "onset", "apex", "offset", "strength", "region")
    times = ("onset_seconds", "apex_seconds", "offset_seconds")
    row = {key: interval[key] for key in keys}
    row |= dict(zip(times, interval["seconds"], strict=True))
    if interval["probabilities"] or interval["aus"]:
        row |= {key: str(interval[key]).lower() for key in ("unsure", "no_expression")}
        row |= {"class": interval["class"] or "", "aus_seen": " ".join(units(interval))}
        row |= {f"prob_{name}": p for name, p in interval["probabilities"].items()}
        row |= {f"au{unit}": p for unit, p in interval["aus"].items()}
    return row


def _unseen(gap: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": "unseen",
        "onset": gap["first"],
        "offset": gap["last"],
        "onset_seconds": gap["seconds"][0],
        "offset_seconds": gap["seconds"][1],
        "note": gap["why"],
    }


def _clock(seconds: float) -> str:
    milliseconds = round(1000 * max(0.0, seconds))
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d},"
        f"{milliseconds % 1000:03d}"
    )
