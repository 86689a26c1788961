"""What of every clip is used: its face, cut out of all frames by one square."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from selfme_jax.data.faces import detection
from selfme_jax.data.faces.detection import Square
from selfme_jax.data.videos import clips
from selfme_jax.data.videos.clips import ClipFile, DamagedError
from selfme_jax.types import Tell, UserError

# Frames of a clip in which the face is looked for, and the share of them in which it
# must be found: a single hit is as likely a pattern on the wall. Our choice.
LOOKS, FOUND = 9, 1 / 3
# In a clip that does not say how long it is: every so many frames.
_LOOK_EVERY = 25


class Options(NamedTuple):
    """What determines the crops of a clip."""

    size: int  # height and width of a crop
    detector: str  # see detection.load
    stride: int  # every so-manieth frame is used
    max_frames: int  # the first so many of these; 0 = all


class Cut(NamedTuple):
    """A clip and what of it is used."""

    clip: ClipFile
    square: Square
    count: int  # frames
    fps: float  # of the frames that are used; 0 where not known
    damage: str  # why it ends early; '' if it does not


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
    """(name of the clip, number, [size, size, 3] uint8 RGB) of all frames used.

    Args:
        cuts: the usable clips, from ``look``.
        options: those that they were found with.
        tell: called as the work goes on.

    Raises:
        UserError: a clip has fewer frames than it had before.
    """
    total, done = sum(cut.count for cut in cuts), 0
    for cut in cuts:
        frames = itertools.islice(_frames(cut.clip, options), cut.count)
        for number in range(cut.count):
            try:
                frame = next(frames)
            except (StopIteration, DamagedError):
                raise UserError(
                    f"{cut.clip.path} changed while it was read. Run this again."
                ) from None
            done += 1
            tell("writing frames", done, total, cut.clip.name)
            image = detection.crop(frame, cut.square, size=options.size)
            yield cut.clip.name, number, image


def _look(clip: ClipFile, options: Options, tell: Callable[[], None]) -> Cut:
    """Count the frames of a clip and find its face.

    Raises:
        DamagedError: it cannot be used.
    """
    detect = detection.load(options.detector)
    expected = clips.expected_frames(clip) // options.stride
    if options.max_frames:
        expected = min(expected, options.max_frames)
    every = max(1, expected // LOOKS) if expected else _LOOK_EVERY
    count, boxes, damage = 0, [], ""
    try:
        for frame in _frames(clip, options):
            if count % every == 0:
                boxes.append(detect(frame))
            count += 1
            tell()
    except DamagedError as error:
        damage = str(error)
    if count < 2:
        raise DamagedError(damage or "fewer than 2 frames")
    hits = [box for box in boxes if box is not None]
    if len(hits) < FOUND * len(boxes):
        raise DamagedError(
            f"a face in {len(hits)} of the {len(boxes)} frames looked at"
        )
    rate = clips.fps(clip) / options.stride
    return Cut(clip, detection.clip_square(hits), count, rate, damage)


def _frames(clip: ClipFile, options: Options) -> Iterator[np.ndarray]:
    stop = options.stride * options.max_frames or None
    return itertools.islice(clips.read(clip), 0, stop, options.stride)
