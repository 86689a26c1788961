"""From a clip to what is said of it, each frame in memory alone.

The clip is read twice: to find out when something happens, and for the face at the
onsets and apexes of that. Both are cut out by one similarity: found anew in every frame
a face trembles by more than it moves.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from selfme_jax.data.faces import apex as apexes
from selfme_jax.data.faces import detection, framing
from selfme_jax.data.faces.framing import Similarity
from selfme_jax.data.faces.tracking import Follower
from selfme_jax.data.videos.reading import DamagedError, Timed
from selfme_jax.inference import model_words, moving, results, sources
from selfme_jax.inference.answering import Answers
from selfme_jax.inference.results import Finding, Result
from selfme_jax.inference.sources import Source
from selfme_jax.inference.spotting import Gap, Interval, Spotter
from selfme_jax.report.kinds import EXPRESSIONS
from selfme_jax.types import UserError

SIZE = 256  # pixels of the faces that are answered
SLOW = 25.0  # frames per second below which short expressions are missed
COARSE = 100.0  # sides of the crop, pixels, below which small motion is missed
SEARCHED = 0.5  # seconds after a given onset in which the apex is looked for
RISE = (1 / 3, 2 / 3, 1.0)  # of the way to the apex, where a macro-expression is read
SPOTTED = 0.5  # seconds, the least length of a clip that anything is found in

Tell = Callable[[str, int, int], None]  # what is being done, frames done, of how many
COMPILING = "compiling"  # is being done: no frames are


class Options(NamedTuple):
    """How a clip is looked at.

    face: largest | left | right | a number from the left. onset, apex: frames, where
    they are known.
    """

    face: str = "largest"
    detector: str = detection.DEFAULT
    onset: int | None = None
    apex: int | None = None


class Answerer(Protocol):
    """What is asked about two faces: the built-in one, or networks of a run."""

    @property
    def classes(self) -> Sequence[str]: ...
    @property
    def units(self) -> Sequence[int | str]: ...
    @property
    def card(self) -> Mapping[str, Any]: ...
    @property
    def compiled(self) -> bool:
        """False where the next answer takes minutes more: networks are compiled."""
        ...

    def answer(self, onset: np.ndarray, apex: np.ndarray) -> Answers:
        """Of [b, 256, 256, 3] uint8 RGB each."""
        ...


class NothingSeenError(UserError):
    """A clip of which nothing can be said, and why."""


class Predictor(NamedTuple):
    """A network and what is done around it. name: for people."""

    answerer: Answerer
    name: str = "builtin"

    @property
    def model(self) -> dict[str, Any]:
        """What every file says of it."""
        found = self.answerer
        return {
            "name": self.name,
            "classes": list(found.classes),
            "units": list(found.units),
            "about": model_words.about(found.card),
            "scores": model_words.scores(found.card),
        }

    def predict(
        self,
        what: str | os.PathLike | Sequence,
        *,
        fps: float = 0.0,
        face: str = "largest",
        onset: int | None = None,
        apex: int | None = None,
    ) -> Result:
        """All that is said of one clip.

        Args:
            what: a video; a folder of frames; two pictures, (onset, apex); or frames
              in memory, [h, w, 3] uint8 RGB each.
            fps: of folders and of frames in memory.
            face: see ``Options``. onset, apex: frames, where they are known.

        Raises:
            UserError: nothing can be said, and why.
        """
        if isinstance(what, str | os.PathLike):
            given = sources.find([what], fps=fps)
        elif all(isinstance(one, str | os.PathLike) for one in what):
            given = sources.find(what, fps=fps)
        else:
            source = sources.in_memory(cast(Sequence[np.ndarray], what), fps=fps)
            given = sources.Given((source,), {}, several=False)
        if given.several:
            raise UserError(
                f"{len(given.sources)} clips are given. Give one, or use\n"
                "python -m selfme_jax.predict DIR"
            )
        return self.run(given.sources[0], Options(face, onset=onset, apex=apex))

    def run(
        self, source: Source, options: Options, tell: Tell = lambda *_: None
    ) -> Result:
        """The same of a source.

        Raises:
            UserError: nothing can be said, and why.
        """
        if source.fps or options.onset is not None or source.expected != 2:
            watched = _given if options.onset is not None else _spot
        else:
            watched, options = _given, options._replace(onset=0, apex=1)
        seen = watched(source, options, tell)
        answers = self._answers(source, seen.intervals, tell)
        return Result(
            path=source.path,
            fps=source.fps,
            frames=seen.frames,
            seconds=seen.seconds if source.fps else 0.0,
            size=seen.size,
            notes=(*_quality(source, seen), *seen.notes),
            gaps=seen.gaps,
            intervals=tuple(answers),
            model=self.model,
            course=seen.course,
        )

    def _answers(
        self, source: Source, intervals: Sequence[Interval], tell: Tell
    ) -> list[Finding]:
        """The intervals, answered where they are expressions."""
        asked = [i for i, found in enumerate(intervals) if found.kind in EXPRESSIONS]
        made = [
            Finding(
                *(found.onset, found.apex, found.offset, found.kind, found.seconds),
                *(found.strength, found.region, found.face),
            )
            for found in intervals
        ]
        units = [int(str(unit).removeprefix("au")) for unit in self.answerer.units]
        heard: dict[int, list[Answers]] = {}
        for index, frame, onset, top in _pairs(source, intervals, asked, tell):
            if not self.answerer.compiled:
                tell(COMPILING, 0, 1)
            heard.setdefault(index, []).append(
                self.answerer.answer(onset[None], top[None])
            )
            if frame == intervals[index].apex:
                made[index] = made[index]._replace(pictures=moving.pictures(onset, top))
        for index, several in heard.items():
            said = results.answer(several, self.answerer.classes, units)
            made[index] = made[index]._replace(answer=said)
        return made


class _Seen(NamedTuple):
    """What the first reading gave."""

    intervals: tuple[Interval, ...]
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]
    frames: int
    seconds: float
    size: tuple[int, int]
    faces: int
    course: results.Course | None = None


def _spot(source: Source, options: Options, tell: Tell) -> _Seen:
    if options.apex is not None:
        raise UserError("an apex without its onset: give both (--onset --apex).")
    spotter = Spotter(detector=options.detector, choose=options.face)
    course, notes, found = moving.Recorder(), [], []
    count, seconds, size = 0, 0.0, (0, 0)
    try:
        for frame in source.read():
            found += spotter.add(frame.image, frame.seconds)
            if spotter.latest is not None:
                course.add(*spotter.latest)
            count, seconds = count + 1, frame.seconds
            size = frame.image.shape[1::-1]
            tell("watching", count, max(source.expected, count))
    except DamagedError as error:
        if count < 2:
            raise NothingSeenError(f"{source.path}: {error}.") from None
        notes.append(f"the file is damaged: {error}; what came before is used")
    found = sorted(found + spotter.end())
    if count < 2:
        raise NothingSeenError(
            f"{source.path}: {count} frame(s), which show no motion. Give at least 2."
        )
    if not spotter.seen:
        raise NothingSeenError(_why(source, spotter.gaps, options.face))
    if seconds < SPOTTED:
        notes.append(
            f"{seconds:.2f} seconds are too short to find expressions in; if you know "
            "the frames of onset and apex, give --onset and --apex"
        )
    return _Seen(
        tuple(found),
        tuple(spotter.gaps),
        tuple(notes),
        *(count, seconds, size, spotter.faces),
        course=course.course(
            [(i.seconds[0], i.seconds[2]) for i in found],
            [gap.seconds for gap in spotter.gaps],
        ),
    )


def _given(source: Source, options: Options, tell: Tell) -> _Seen:
    """An onset that is known, and its apex, which may be."""
    onset, apex = options.onset, options.apex
    assert onset is not None
    if onset < 0 or (apex is not None and apex <= onset):
        raise UserError(
            f"--onset={onset} --apex={apex}: the onset is a frame from 0, and the apex "
            "comes after it."
        )
    follower, face, times = Follower(options.detector, choose=options.face), None, []
    crops: list[np.ndarray] = []
    size, count, faces, problem = (0, 0), 0, 0, ""
    for frame in _readable(source):
        size, count = frame.image.shape[1::-1], count + 1
        if count - 1 < onset:
            continue
        if face is None:
            look = follower.look(frame.image)
            faces, problem = look.faces, look.problem
            if look.framing is None:
                break
            face = look.framing
        times.append(frame.seconds)
        if apex is None:
            if frame.seconds - times[0] > SEARCHED:
                times.pop()
                break
            crops.append(framing.apply(frame.image, framing.affine(face), size=SIZE))
        tell("watching", count, max(source.expected, count))
        if count - 1 == apex:
            break
    if face is None:
        if count <= onset:
            raise UserError(f"{source.path} has {count} frames, no frame {onset}.")
        raise NothingSeenError(f"{source.path}: frame {onset}: {problem}.")
    if apex is not None and count <= apex:
        raise UserError(f"{source.path} has {count} frames, no frame {apex}.")
    notes = []
    if apex is None:
        if len(crops) < 2:
            raise UserError(f"{source.path}: nothing follows frame {onset}.")
        apex = onset + apexes.estimate(crops)
        notes.append(
            f"apex: the frame of the most motion in the {SEARCHED:g} s after the onset "
            "that was given"
        )
    at = (times[0], times[apex - onset], times[apex - onset])
    if source.fps:
        notes.append("onset given: nothing else was looked for in this clip")
    interval = Interval(onset, apex, apex, "given", 0.0, 0.0, at, "", face)
    frames = max(source.expected, count)
    lasts = frames / source.fps if source.fps else 0.0
    return _Seen((interval,), (), tuple(notes), frames, lasts, size, faces)


def _readable(source: Source) -> Iterator[Timed]:
    """Its frames up to the damage, if there is any."""
    try:
        yield from source.read()
    except DamagedError:
        return


def _tops(found: Interval) -> tuple[int, ...]:
    """Frames that are held against the onset: the apex, of slow ones its way there.

    What answers knows small motion; the apex of a broad smile is far from that. Our
    choice.
    """
    way = found.apex - found.onset
    if found.kind != "macro" or way < len(RISE):
        return (found.apex,)
    return tuple(sorted({found.onset + max(1, round(part * way)) for part in RISE}))


def _pairs(
    source: Source, intervals: Sequence[Interval], asked: Sequence[int], tell: Tell
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """(index, frame, [256, 256, 3] onset, the same of the frame) of some intervals."""
    onsets: dict[int, list[int]] = {}
    tops: dict[int, list[int]] = {}
    for index in asked:
        onsets.setdefault(intervals[index].onset, []).append(index)
        for top in _tops(intervals[index]):
            tops.setdefault(top, []).append(index)
    last, held = max(tops, default=-1), {}
    if last < 0:
        return

    def crop(image: np.ndarray, face: Similarity) -> np.ndarray:
        return framing.apply(image, framing.affine(face), size=SIZE)

    for number, frame in enumerate(_readable(source)):
        for index in onsets.get(number, ()):
            held[index] = crop(frame.image, intervals[index].face)
        for index in tops.get(number, ()):
            face = crop(frame.image, intervals[index].face)
            yield index, number, held[index], face
            if number == intervals[index].apex:
                del held[index]
        tell("answering", number + 1, last + 1)
        if number == last:
            return


def _why(source: Source, gaps: Sequence[Gap], face: str) -> str:
    problems = [gap.problem for gap in gaps] or ["no face"]
    worst = max(problems, key=problems.count)
    if worst == f"no face {face}":
        return f"{source.path}: there is no face number {face}. Choose another --face."
    return (
        f"{source.path}: {worst}, so nothing can be said of it. Give a clip that shows "
        "a face from the front."
    )


def _quality(source: Source, seen: _Seen) -> Iterator[str]:
    """What makes an answer worse."""
    if 0 < source.fps < SLOW:
        yield (
            f"{source.fps:.3g} frames per second: what is shorter than "
            f"{3 / source.fps:.2f} s cannot be seen (research films at 100 to 200)"
        )
    if seen.faces > 1:
        where = seen.intervals[0].face if seen.intervals else None
        at = f", around x = {where.x:.0f}, y = {where.y:.0f}" if where else ""
        yield f"{seen.faces} faces at once; one is followed{at} (--face chooses)"
    sides = [found.face.side for found in seen.intervals]
    if sides and min(sides) < COARSE:
        yield (
            f"the face is small ({min(sides):.0f} pixels with its surroundings): small "
            "motion cannot be seen"
        )
