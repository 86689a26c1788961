"""Spotting: when something happens in a face, from frames as they come.

Frames are looked at once and forgotten; of each a few numbers are kept for a minute,
so that memory does not grow with the length of a video.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from selfme_jax.data.faces import detection, framing, tracking
from selfme_jax.data.faces.framing import Similarity
from selfme_jax.data.faces.mesh import landmarks
from selfme_jax.data.faces.tracking import Follower, Look
from selfme_jax.inference import events, facial_motion
from selfme_jax.inference.facial_motion import Motion, Tracker
from selfme_jax.types import UserError

FASTEST = 1 / 61  # seconds between the frames that are used; others are passed over
LOOK_EVERY = 0.2  # seconds between looks for the face
PATIENCE = 1.0  # seconds for which it is followed without being found
# Seconds: what is kept, how long after its end an event is final, how often is judged.
MEMORY, FINAL, STEP = 60.0, 5.5, 3.0


class Interval(NamedTuple):
    """Something that happens in a face; frames count from 0.

    kind: micro (an expression of at most half a second), macro, blink, talking, head
    (a movement of it). seconds: of onset, apex and offset, since the first frame.
    strength: largest displacement of the skin (or the head), in sides of the crop.
    score: strength in units of this face's restlessness. region: upper | lower | head.
    face: the framing that was used, in pixels of the frame.
    """

    onset: int
    apex: int
    offset: int
    kind: str
    strength: float
    score: float
    seconds: tuple[float, float, float]
    region: str
    face: Similarity


class Gap(NamedTuple):
    """Frames first to last, in which there is no face to use, and why."""

    first: int
    last: int
    seconds: tuple[float, float]
    problem: str


class _Sample(NamedTuple):
    frame: int
    seconds: float
    motion: Motion
    face: Similarity


def spot(
    frames: Iterable[np.ndarray],
    *,
    fps: float = 0.0,
    times: Iterable[float] | None = None,
    detector: str = detection.DEFAULT,
    choose: str = "largest",
) -> list[Interval]:
    """All that happens in a video, by onset.

    Args:
        frames: [h, w, 3] uint8 RGB, in order; taken one by one.
        fps: frames per second, if they come evenly.
        times: or the seconds of each frame.
        detector: of faces, see ``faces.detection.load``.
        choose: which of several faces, see ``faces.tracking.Follower``.

    Raises:
        UserError: neither or both of fps and times, or a bad value.
    """
    if (times is None) == (not fps > 0):
        raise UserError("spotting needs frames per second, or the time of each frame.")
    spotter, found = Spotter(detector=detector, choose=choose), []
    if times is None:
        times = (i / fps for i in range(1 << 62))
    for image, seconds in zip(frames, times, strict=False):
        found += spotter.add(image, seconds)
    return sorted(found + spotter.end())


class Spotter:
    """Spotting of frames that come one by one.

    gaps: where there was no face to use. faces: the most seen at once. seen: whether
    there was one to use, ever. latest: time and motion of the last frame; None where
    there was no face, or it was passed over.
    """

    def __init__(self, *, detector: str = detection.DEFAULT, choose: str = "largest"):
        self.gaps: list[Gap] = []
        self.faces = 0
        self.seen = False
        self.latest: tuple[float, Motion] | None = None
        self._follower = Follower(detector, choose=choose)
        self._samples: deque[_Sample] = deque()
        self._told: deque[Interval] = deque(maxlen=64)
        self._missed: Look | None = None  # the first since the face was seen
        self._tracker: Tracker | None = None
        self._window: Similarity | None = None
        self._frame, self._judged = -1, 0.0
        self._used = self._looked = self._seen = -np.inf

    def add(self, image: np.ndarray, seconds: float) -> list[Interval]:
        """The next frame, [h, w, 3] uint8 RGB; what has become certain meanwhile."""
        self._frame += 1
        self.latest = None
        if seconds - self._used < FASTEST:
            return []
        since, self._used = seconds - self._used, seconds
        finished: list[Interval] = []
        if seconds - self._looked >= LOOK_EVERY - FASTEST / 2:
            self._looked = seconds
            finished = self._look(image, seconds)
        if self._tracker is None or self._window is None:
            return finished
        motion = self._tracker.follow(_crop(image, self._window), min(since, 1.0))
        self.seen, self.latest = True, (seconds, motion)
        sample = _Sample(self._frame, seconds, motion, self._window)
        self._samples.append(sample)
        if seconds - self._judged >= STEP:
            finished += self._judge(seconds - FINAL)
        return finished

    def end(self) -> list[Interval]:
        """What is left when there are no more frames."""
        if self._missed and self._used - self._seen > 2 * LOOK_EVERY:
            return self._lose(self._used)
        return self._flush()

    def _look(self, image: np.ndarray, seconds: float) -> list[Interval]:
        look = self._follower.look(image)
        self.faces = max(self.faces, look.faces)
        if look.framing is None or look.face is None:
            if self._tracker is None:
                self._miss(look, seconds)
                return []
            self._missed = self._missed or look
            if seconds - self._seen <= PATIENCE:
                return []
            return self._lose(seconds)
        self._seen, self._missed = seconds, None
        mesh = look.face.mesh
        if mesh is None:  # of a detector that finds no landmarks
            mesh = landmarks(image, look.face)
        tracker, window = self._tracker, self._window
        if tracker and window and tracking.fits(look.framing, window):
            tracker.correct(_in_crop(mesh, window))
            return []
        last = self._samples[-1].motion if tracker and self._samples else None
        self._window = look.framing
        self._tracker = Tracker(
            _crop(image, look.framing), _in_crop(mesh, look.framing), before=last
        )
        return []

    def _lose(self, seconds: float) -> list[Interval]:
        """The face that was waited for is gone, and has been since it was last seen."""
        assert self._missed is not None
        problem, frame, since = self._missed.problem, self._frame, seconds
        while self._samples and self._samples[-1].seconds > self._seen:
            frame, since = self._samples.pop()[:2]
        self.gaps.append(Gap(frame, self._frame, (since, seconds), problem))
        self._tracker = self._missed = None
        return self._flush()

    def _miss(self, look: Look, seconds: float) -> None:
        last = self.gaps[-1] if self.gaps else None
        kind = look.problem.split(" (")[0]
        since_then = last is not None and last.seconds[1] > self._seen
        if last and since_then and last.problem.split(" (")[0] == kind:
            until = (last.seconds[0], seconds)
            self.gaps[-1] = last._replace(last=self._frame, seconds=until)
        else:
            both = (seconds, seconds)
            self.gaps.append(Gap(self._frame, self._frame, both, look.problem))

    def _flush(self) -> list[Interval]:
        finished = self._judge(np.inf)
        self._samples.clear()
        return finished

    def _judge(self, until: float) -> list[Interval]:
        """Intervals that end before a time and were not told yet."""
        if len(self._samples) < 3:
            return []
        self._judged = self._samples[-1].seconds
        found = [i for i in _intervals(self._samples) if i.seconds[2] <= until]
        new = [i for i in found if not any(_same(i, told) for told in self._told)]
        self._told.extend(new)
        while self._samples[0].seconds < self._judged - MEMORY:
            self._samples.popleft()
        return new


def _crop(image: np.ndarray, window: Similarity) -> np.ndarray:
    return facial_motion.crop(image, framing.affine(window))


def _in_crop(mesh: np.ndarray, window: Similarity) -> np.ndarray:
    return facial_motion.in_crop(mesh, framing.affine(window))


def _intervals(samples: Iterable[_Sample]) -> list[Interval]:
    """All intervals of samples that follow each other without a gap."""
    samples = list(samples)
    seconds = np.array([s.seconds for s in samples])
    rate = 1 / max(float(np.median(np.diff(seconds))), FASTEST)
    count = int((seconds[-1] - seconds[0]) * rate + 1e-6) + 1
    even = seconds[0] + np.arange(count) / rate
    flat = np.stack([np.r_[s.motion.regions.ravel(), s.motion.head] for s in samples])
    flat = np.stack([np.interp(even, seconds, column) for column in flat.T], 1)
    regions = flat[:, :-6].reshape(count, -1, 2)
    found = []
    for event in events.judge(regions, flat[:, -6:], rate):
        times = [seconds[0] + at / rate for at in event[:3]]
        nearest = [int(np.argmin(np.abs(seconds - t))) for t in times]
        onset, apex, offset = (samples[i].frame for i in nearest)
        begins, peaks, ends = (float(t) for t in times)
        found.append(
            Interval(
                *(onset, apex, offset),
                event.kind,
                event.strength,
                event.score,
                (begins, peaks, ends),
                event.region,
                samples[nearest[0]].face,
            )
        )
    return found


def _same(one: Interval, other: Interval) -> bool:
    """Whether two are the same, seen again with more of the video known."""
    group = ("micro", "macro", "talking")
    kinds = one.kind == other.kind or (one.kind in group and other.kind in group)
    (a, _, b), (c, _, d) = one.seconds, other.seconds
    shared, shorter = min(b, d) - max(a, c), min(b - a, d - c)
    return kinds and shared > 0.3 * shorter
