"""What of every clip is used: its face, cut out by one framing per window."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from selfme_jax.data.faces import detection, framing, tracking
from selfme_jax.data.faces.tracking import Look, Stretch
from selfme_jax.data.videos import reading
from selfme_jax.data.videos.clips import ClipFile
from selfme_jax.data.videos.reading import DamagedError
from selfme_jax.types import Tell, UserError

# The face is looked for in at least so many frames of a clip, and at least every so
# many frames (half a second at 25 frames/s). Our choice.
LOOKS, RARELY = 9, 12


class Options(NamedTuple):
    """What determines the crops of a clip."""

    size: int  # height and width of a crop
    detector: str  # see detection.load
    stride: int  # every so-manieth frame is used
    max_frames: int  # the first so many of these; 0 = all


class Cut(NamedTuple):
    """A clip and what of it is used."""

    clip: ClipFile
    windows: tuple[Stretch, ...]  # with a face; numbers count the frames used
    fps: float  # of the frames that are used; 0 where not known
    damage: str  # why it ends early; '' if it does not
    notes: tuple[str, ...]  # what is cut out, and what is odd

    @property
    def frames(self) -> int:
        """Frames of all windows."""
        return sum(window.stop - window.start for window in self.windows)

    def name(self, window: Stretch) -> str:
        """The clip's, with the frames of the window if it has several."""
        alone = len(self.windows) == 1
        frames = "" if alone else f" [{window.start}:{window.stop}]"
        return self.clip.name + frames


def look(
    found: Sequence[ClipFile], options: Options, tell: Tell
) -> tuple[list[Cut], dict[str, str]]:
    """Read all clips once: the usable ones, and by name why the others are not.

    Args:
        found: where to look.
        options: of the crops.
        tell: called as the work goes on.
    """
    cuts, left_out = [], {}
    for done, clip in enumerate(found):

        def here(done: int = done, name: str = clip.name) -> None:
            tell("looking for faces", done, len(found), name)

        try:
            cuts.append(_look(clip, options, here))
        except DamagedError as error:
            left_out[clip.name] = str(error)
        here(done + 1)
    return cuts, left_out


def crops(
    cuts: Sequence[Cut], options: Options, tell: Tell
) -> Iterator[tuple[str, int, np.ndarray]]:
    """(name of the window, number in it, [size, size, 3] uint8 RGB) of all crops.

    Args:
        cuts: the usable clips, from ``look``.
        options: those that they were found with.
        tell: called as the work goes on.

    Raises:
        UserError: a clip has fewer frames than it had before.
    """
    total, done = sum(cut.frames for cut in cuts), 0
    for cut in cuts:
        frames, at = _frames(cut.clip, options), 0
        for window in cut.windows:
            matrix, name = framing.affine(window.framed), cut.name(window)
            for number in range(window.stop - window.start):
                try:
                    skipped = window.start + number - at
                    frame = next(itertools.islice(frames, skipped, None))
                except (StopIteration, DamagedError):
                    raise UserError(
                        f"{cut.clip.path} changed while it was read. Run this again."
                    ) from None
                at = window.start + number + 1
                done += 1
                tell("writing frames", done, total, cut.clip.name)
                yield name, number, framing.apply(frame, matrix, size=options.size)


def _look(clip: ClipFile, options: Options, tell: Callable[[], None]) -> Cut:
    """Count the frames of a clip and follow its face.

    Raises:
        DamagedError: it cannot be used.
    """
    follower = tracking.Follower(options.detector)
    expected = reading.expected_frames(clip) // options.stride
    if options.max_frames:
        expected = min(expected, options.max_frames)
    every = min(max(1, expected // LOOKS), RARELY) if expected else RARELY
    count, looks, damage = 0, [], ""
    middle: np.ndarray | None = None
    try:
        for frame in _frames(clip, options):
            if count % every == 0:
                seen = follower.look(frame)
                looks.append((count, seen._replace(face=None)))
                if len(looks) <= LOOKS // 2 + 1:
                    middle = frame
            count += 1
            tell()
    except DamagedError as error:
        damage = str(error)
    if count < 2:
        raise DamagedError(damage or "fewer than 2 frames")
    found = tracking.windows(looks, count)
    used = tuple(s for s in found if s.framing is not None and s.stop - s.start >= 2)
    if not used:
        raise DamagedError(_why_not(looks, middle, options.detector))
    rate = reading.fps(clip) / options.stride
    return Cut(clip, used, rate, damage, _notes(found, looks, rate))


def _frames(clip: ClipFile, options: Options) -> Iterator[np.ndarray]:
    stop = options.stride * options.max_frames or None
    return itertools.islice(reading.read(clip), 0, stop, options.stride)


def _why_not(
    looks: Sequence[tuple[int, Look]], image: np.ndarray | None, detector: str
) -> str:
    hits = sum(look.framing is not None for _, look in looks)
    problems = {look.problem for _, look in looks} - {"", "no face"}
    why = f"a face in {hits} of the {len(looks)} frames looked at"
    why += "".join(f"; {problem}" for problem in sorted(problems)[:2])
    if problems - {tracking.TOO_DARK} or image is None:
        return why
    for quarters in (1, 2, 3):
        if detection.detect(np.rot90(image, quarters).copy(), detector=detector):
            turn = {1: 90, 2: 180, 3: 270}[quarters]
            return f"{why}; the picture is turned by {turn}°: turn it back"
    return why


def _notes(
    found: Sequence[Stretch], looks: Sequence[tuple[int, Look]], rate: float
) -> tuple[str, ...]:
    notes = []
    for stretch in found:
        if stretch.framing is None:
            first, last = stretch.start, stretch.stop - 1
            when = f"{first / rate:.1f} to {last / rate:.1f} s" if rate else ""
            frames = f"frames {first} to {last}"
            where = f"{when} ({frames})" if when else frames
            notes.append(f"cut out: {where}: {stretch.problem}")
    most = max(look.faces for _, look in looks)
    if most > 1:
        place = next(s.framing for s in found if s.framing is not None)
        notes.append(
            f"{most} faces; the largest is taken, around "
            f"x = {round(place.x)}, y = {round(place.y)}"
        )
    sideways = [s for s in found if s.framing and abs(s.framing.angle) > 60]
    if sideways:
        angle = round(sideways[0].framed.angle)
        notes.append(f"the picture is turned by {angle}°; the face is turned upright")
    return tuple(notes)
