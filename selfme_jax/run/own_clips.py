"""What ``predict`` and ``app`` do with clips: answer them, and write files of it.

    OUTPUT/predictions.json intervals.csv intervals.elan.txt intervals.srt
           report.html overlay.mp4 figures/timeline.png figures/motion_NN.png ...

of one clip; of several each has a folder of that kind, and predictions.json,
intervals.csv and report.html of all stand above them. predictions.json comes last:
where it is, all is.
"""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from etils import epath

import selfme_jax
from selfme_jax import files
from selfme_jax.data.videos.reading import DamagedError
from selfme_jax.files import films
from selfme_jax.inference import sources
from selfme_jax.inference.predictor import COMPILING, Options, Predictor, Tell
from selfme_jax.inference.results import Result
from selfme_jax.inference.sources import Given, Source
from selfme_jax.report import clip_page, clip_tables, overlay, plots
from selfme_jax.types import UserError

VERSION = 1  # of predictions.json
PREDICTIONS = "predictions.json"
MARK = ".selfme_jax_predict"  # in a folder that this writes to
FILES = {
    PREDICTIONS: "all of it, for programs",
    "intervals.csv": "a row for each interval",
    "intervals.elan.txt": "tab-delimited text that ELAN imports",
    "intervals.srt": "subtitles: any player shows them over the film",
    "overlay.mp4": "the film with what was found drawn into it (without its sound)",
    "figures/timeline.png": "the time line",
}
SEVERAL = {PREDICTIONS: FILES[PREDICTIONS], "intervals.csv": FILES["intervals.csv"]}
# Share of the work on a clip: reading it once, again, and writing the overlay. What
# compiling takes has nothing to do with the clip.
PARTS = {"watching": 0.62, COMPILING: 0.0, "answering": 0.13, "overlay": 0.25}


class Work(NamedTuple):
    """How clips are answered.

    film: whether an overlay is made. command: what a page says of how it came about.
    """

    predictor: Predictor
    options: Options
    film: bool = True
    command: str = ""

    def depends(self, source: Source) -> dict[str, Any]:
        """What the files of a clip are made from."""
        return {
            "path": source.path,
            "state": dict(source.state),
            "fps": source.fps,
            "options": self.options._asdict(),
            "film": self.film,
            "model": self.predictor.model,
            "selfme_jax": selfme_jax.__version__,
        }


def claim(folder: epath.Path) -> None:
    """Make a folder for what is written; refuse where somebody else's files are.

    Raises:
      UserError: it is no folder, cannot be reached, or holds something that this did
        not write.
    """
    files.reach(folder)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file. Choose another --output.")
    theirs = folder.exists() and any(folder.iterdir())
    if theirs and not (folder / MARK).exists():
        raise UserError(
            f"{folder} holds other files. Choose another --output, or empty it."
        )
    folder.mkdir(parents=True, exist_ok=True)
    files.write(folder / MARK, "")


def one(work: Work, source: Source, folder: Path, tell: Tell) -> dict[str, Any]:
    """Answer a clip and write its files, unless they are there; its dict.

    Raises:
      UserError: nothing can be said of it; then nothing is written.
    """
    depends = json.loads(json.dumps(work.depends(source)))
    if (done := _done(folder, depends)) is not None:
        return done
    result = work.predictor.run(source, work.options, tell)
    clip = result.to_dict()
    notes = list(clip["notes"])
    film = work.film and bool(source.fps)
    if film and not films.codec():
        notes.append("no overlay.mp4: this PyAV has no encoder of H.264")
        film = False
    clip["notes"] = notes
    _clear(folder)
    figures = _figures(result, clip)
    for name, image in figures.items():
        files.write(epath.Path(folder / "figures" / f"{name}.png"), image)
    for name, image in _stills(result).items():
        files.write(epath.Path(folder / "figures" / name), image)
    if film:
        _film(folder / "overlay.mp4", source, clip, tell)
    for name, text in {
        "intervals.csv": clip_tables.csv_text([clip]),
        "intervals.elan.txt": clip_tables.elan(clip),
        "intervals.srt": clip_tables.subtitles(clip),
    }.items():
        files.write(epath.Path(folder / name), text)
    clip_page.write(
        epath.Path(folder / "report.html"),
        clip,
        model=work.predictor.model["about"],
        pictures={
            n: found.pictures
            for n, found in enumerate(result.intervals)
            if found.pictures
        },
        timeline=figures.get("timeline"),
        downloads=[(n, what) for n, what in FILES.items() if _there(folder, n)],
        command=work.command,
    )
    _write(folder, [clip], work, {"made_from": depends})
    return clip


def several(
    work: Work,
    given: Given,
    folder: Path,
    tell: Callable[[int, str, float], None],
    mine: Callable[[int], bool] = lambda index: True,
    keep: Callable[[str], None] = lambda name: None,
) -> dict[str, str]:
    """Answer several clips, each in a folder; by path, why nothing is said of others.

    Args:
      tell: called with (index of the clip, what is done, share of it that is done).
      mine: whether this process takes the clip of an index.
      keep: called with the name of each folder that is whole.
    """
    failed: dict[str, str] = {}
    for index, (name, source) in enumerate(
        zip(sources.names(given.sources), given.sources, strict=True)
    ):
        if not mine(index):
            continue

        def here(what: str, done: int, total: int, index: int = index) -> None:
            tell(index, what, share(what, done, total))

        try:
            one(work, source, folder / name, here)
        except (UserError, DamagedError) as error:
            failed[source.path] = str(error).splitlines()[0]
            _fail(folder / name, work.depends(source), failed[source.path])
        keep(name)
        tell(index, "done", 1.0)
    return failed


def collect(work: Work, given: Given, folder: Path) -> int:
    """Write predictions.json, intervals.csv and the page of several; how many clips."""
    clips, left_out = [], dict(given.left_out)
    for name, source in zip(sources.names(given.sources), given.sources, strict=True):
        found = files.read_json(
            folder / name / PREDICTIONS, "Delete it; the same command makes it again."
        )
        if found["clips"]:
            clips.append((name, found["clips"][0]))
        else:
            left_out[source.path] = found["why"]
    if not clips:
        why = next(iter(left_out.values()))
        raise UserError(f"nothing can be said of any of {len(left_out)} clip(s): {why}")
    dicts = [clip for _, clip in clips]
    text = clip_tables.csv_text(dicts)
    files.write(epath.Path(folder / "intervals.csv"), text)
    clip_page.write_several(
        epath.Path(folder / "report.html"),
        clips,
        left_out=left_out,
        model=work.predictor.model["about"],
        downloads=list(SEVERAL.items()),
        command=work.command,
    )
    _write(folder, dicts, work, {"left_out": left_out})
    return len(clips)


def share(what: str, done: int, total: int) -> float:
    """Of the work on a clip, what is done: 0 to 1."""
    before = 0.0
    for name, part in PARTS.items():
        if name == what:
            return before + part * min(1.0, done / max(1, total))
        before += part
    return before


def command() -> str:
    """The command as it was given."""
    return (
        " ".join(
            ["python -m selfme_jax.predict", *(shlex.quote(a) for a in sys.argv[1:])]
        )
        .encode(errors="replace")
        .decode()
    )


def _done(folder: Path, depends: Mapping[str, Any]) -> dict[str, Any] | None:
    """The clip that was made from the same, if all its files are there."""
    if not (folder / PREDICTIONS).is_file():
        return None
    try:
        found = files.read_json(folder / PREDICTIONS, "")
    except UserError:
        return None
    if found.get("made_from") != depends or not found.get("clips"):
        return None
    if not all(_there(folder, name) for name in ("report.html", "intervals.csv")):
        return None
    return found["clips"][0]


def _fail(folder: Path, depends: Mapping[str, Any], why: str) -> None:
    _clear(folder)
    content = {"version": VERSION, "made_from": depends, "clips": [], "why": why}
    files.write(epath.Path(folder / PREDICTIONS), json.dumps(content, indent=1) + "\n")


def _clear(folder: Path) -> None:
    """Make the folder; take away what an earlier run left there, the mark first."""
    (folder / PREDICTIONS).unlink(missing_ok=True)
    shutil.rmtree(folder / "figures", ignore_errors=True)
    (folder / "figures").mkdir(parents=True)
    for name in ("overlay.mp4", "overlay.mp4.partial"):
        (folder / name).unlink(missing_ok=True)


def _there(folder: Path, name: str) -> bool:
    return (folder / name).is_file() or name == PREDICTIONS


def _write(
    folder: Path, clips: Sequence[Mapping], work: Work, more: Mapping[str, Any]
) -> None:
    content = {
        "version": VERSION,
        "selfme_jax": selfme_jax.__version__,
        "caution": clip_page.CAUTION,
        "model": work.predictor.model,
        "clips": list(clips),
        **more,
    }
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    files.write(epath.Path(folder / PREDICTIONS), text)


def _figures(result: Result, clip: Mapping[str, Any]) -> dict[str, bytes]:
    if result.course is None:
        return {}
    return {"timeline": plots.png(result.figure())}


def _stills(result: Result) -> dict[str, bytes]:
    """onset, apex and motion of the expressions, numbered from 1."""
    found = [i for i in result.intervals if i.pictures]
    made = {}
    for number, interval in enumerate(found[: clip_page.MOST], start=1):
        assert interval.pictures is not None
        made[f"{number:03d}_onset.jpg"] = interval.pictures.onset
        made[f"{number:03d}_apex.jpg"] = interval.pictures.apex
        made[f"{number:03d}_motion.png"] = interval.pictures.motion
    return made


def _film(path: Path, source: Source, clip: Mapping[str, Any], tell: Tell) -> None:
    def frames():
        try:
            for number, frame in enumerate(source.read()):
                tell("overlay", number + 1, max(clip["frames"], number + 1))
                yield frame.seconds, frame.image
        except DamagedError:
            return

    overlay.write(path, frames(), clip)


def default_output(given: Given) -> Path:
    """predictions/NAME of the first thing given."""
    name = os.path.splitext(sources.names(given.sources[:1])[0])[0]
    return Path("predictions") / ("clips" if given.several else name)
