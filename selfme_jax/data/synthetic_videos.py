"""Long procedural videos of one person, with the truth of what happens when.

Between micro- and macro-expressions people blink, talk, turn and shift their heads,
and never hold quite still. The head turns as a solid: what is nearer moves more.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from selfme_jax.data.synthetic import action_units, anatomy, portrait

SIZE = 160  # pixels of the face; frames have MARGINS around it
MARGINS = (40, 60)  # above and below, left and right
PIXEL = 2 / 128  # amplitudes are told in pixels of a face of 128
# Seconds from onset to offset, and largest displacement in pixels, of each kind.
LASTS = {"micro": (0.17, 0.5), "macro": (0.7, 3.0), "blink": (0.12, 0.3)}
MOVES = {"micro": (0.7, 3.0), "macro": (2.0, 6.0), "blink": (4.0, 6.0)}
# Relative frequency of what comes next, and seconds of stillness before it.
NEXT = {"micro": 0.4, "macro": 0.25, "head": 0.2, "talking": 0.15}
STILL = (0.6, 2.5)
BLINK_EVERY = 4.0  # seconds, on average


class Event(NamedTuple):
    """What happens from ``onset`` to ``offset``, in seconds; ``apex``: its height."""

    onset: float
    apex: float
    offset: float
    kind: str  # micro | macro | blink | head | talking


class Skin(NamedTuple):
    """A displacement of the skin and its course."""

    field: np.ndarray  # [n, n, 2] face coordinates, on the grid of the canvas
    onset: float
    apex: float
    offset: float
    shape: tuple[float, float]  # exponents of rise and fall
    beats: float  # repetitions per second; 0: it rises and falls once
    rest: float  # share that is left at the offset, and fades in a second


class Script(NamedTuple):
    """All that happens in a video."""

    events: tuple[Event, ...]
    skins: tuple[Skin, ...]
    turns: np.ndarray  # [k, 5] (start, end, ...): onset, end, yaw, pitch, shift
    sway: np.ndarray  # [5, waves, 3] amplitude, cycles per second, phase


class LongVideo(NamedTuple):
    """A person and a script; ``frames`` renders it."""

    canvas: np.ndarray
    depth: np.ndarray  # [n, n] face coordinates, nearer is larger
    script: Script
    seconds: float
    fps: float
    noise: float
    seed: int

    @property
    def events(self) -> tuple[Event, ...]:
        """The truth, by onset."""
        return self.script.events

    def frames(self) -> Iterator[np.ndarray]:
        """[h, w, 3] uint8 RGB, one after the other."""
        rng = np.random.default_rng([self.seed, 9])
        for i in range(round(self.seconds * self.fps)):
            image = _shoot(self, i / self.fps)
            image += self.noise * rng.standard_normal(image.shape, np.float32)
            yield np.clip(np.rint(image), 0, 255).astype(np.uint8)


def make(seed: int, *, seconds: float, fps: float, noise: float = 1.5) -> LongVideo:
    """A video that depends on its arguments alone.

    Args:
        seed: of the person and of what happens.
        seconds: length.
        fps: frames per second; another rate shows the same film.
        noise: standard deviation of the sensor noise, grey levels.
    """
    rng = np.random.default_rng([seed, 0])
    face = anatomy.draw(rng)
    canvas = portrait.paint(face, rng, size=SIZE)
    script = _write(np.random.default_rng([seed, 1]), face, seconds, len(canvas) // 4)
    depth = _depth(face, len(canvas) // 4)
    return LongVideo(canvas, depth, script, seconds, fps, noise, seed)


def _write(rng, face: anatomy.Anatomy, seconds: float, n: int) -> Script:
    events: list[Event] = []
    skins: list[Skin] = []
    turns: list[tuple[float, ...]] = []
    at = rng.uniform(0.5, 1.5)
    kinds, weights = zip(*NEXT.items(), strict=True)
    while True:
        kind = str(rng.choice(kinds, p=weights))
        at += rng.uniform(*STILL)
        more: list[Skin] = []
        if kind == "head":
            new = _turn(rng, turns, at)
        elif kind == "talking":
            new, more = _talk(rng, face, n, at)
        else:
            new, more = _expression(rng, face, n, kind, at)
        at = new[-1].offset
        if at > seconds - 1:
            break
        events += new
        skins += more
    at = rng.exponential(BLINK_EVERY)
    while at < seconds - 1:
        new, more = _blink(rng, face, n, at)
        events += new
        skins += more
        at = new[-1].offset + 0.3 + rng.exponential(BLINK_EVERY)
    sway = np.stack(
        [
            rng.uniform(0.2, 1, (5, 4))
            * np.array([[1.0], [1.0], [0.012], [0.025], [0.02]])
            * np.array([1.2, 0.8, 0.4, 0.15]),
            rng.uniform([0.05, 0.1, 0.25, 0.6], [0.1, 0.25, 0.6, 1.2], (5, 4)),
            rng.uniform(0, 2 * np.pi, (5, 4)),
        ],
        -1,
    )
    sway[:2, :, 0] *= PIXEL
    moves = [turn for turn in turns if turn[1] < seconds]
    return Script(
        tuple(sorted(events)), tuple(skins), np.array(moves).reshape(-1, 6), sway
    )


def _expression(rng, face, n: int, kind: str, at: float):
    word = rng.choice(list(action_units.EXPRESSIONS))
    choices = action_units.EXPRESSIONS[word]
    units = choices[rng.integers(len(choices))][1]
    units = {au: level * rng.uniform(0.7, 1.3) for au, level in units.items()}
    sides = (1.0, 1.0)
    if rng.random() < 0.25:  # one-sided
        sides = (1.0, 0.2) if rng.random() < 0.5 else (0.2, 1.0)
    lasts = np.exp(rng.uniform(*np.log(LASTS[kind])))
    apex = at + lasts * rng.uniform(0.35, 0.6 if kind == "micro" else 0.5)
    event = Event(at, float(apex), float(at + lasts), kind)
    rest = float(rng.uniform(0, 0.25))
    return [event], [_skin(rng, face, n, units, kind, event, sides=sides, rest=rest)]


def _blink(rng, face, n: int, at: float):
    lasts = rng.uniform(*LASTS["blink"])
    event = Event(at, at + 0.4 * lasts, at + lasts, "blink")
    return [event], [_skin(rng, face, n, {45: 1.0, 7: 0.15}, "blink", event)]


def _talk(rng, face, n: int, at: float):
    lasts = rng.uniform(1.5, 5.0)
    event = Event(at, at + lasts / 2, at + lasts, "talking")
    skins = []
    for units, pixels in (({26: 1.0}, (2, 5)), ({12: 0.5, 10: 0.4}, (0.5, 1.5))):
        beats = rng.uniform(2.5, 4.5)
        skin = _skin(rng, face, n, units, "macro", event, pixels=pixels)
        skins.append(skin._replace(beats=beats))
    return [event], skins


def _turn(rng, turns: list, at: float) -> list[Event]:
    """The head goes somewhere, stays a while and comes back most of the way."""
    rise, stay, fall = rng.uniform(0.3, 0.8), rng.uniform(0.1, 1.5), rng.uniform(0.3, 1)
    size = rng.normal(0, [0.22, 0.14, 6 * PIXEL, 4 * PIXEL])
    turns.append((at, at + rise, *size))
    turns.append((at + rise + stay, at + rise + stay + fall, *(-0.9 * size)))
    again, end = at + rise + stay, at + rise + stay + fall
    there = Event(at, at + rise / 2, at + rise, "head")
    return [there, Event(again, (again + end) / 2, end, "head")]


def _skin(rng, face, n, units, kind, event, *, sides=(1, 1), rest=0.0, pixels=None):
    sides = tuple(np.array(sides) + np.clip(rng.normal(0, 0.05, 2), -0.12, 0.12))
    placed = action_units.place(face, units, sides=sides, extent=rng.uniform(0.85, 1.2))
    field = placed.evaluate(_grid(n).astype(np.float32))
    low, high = pixels or MOVES[kind]
    peak = np.exp(rng.uniform(np.log(low), np.log(high))) * PIXEL
    field *= peak / np.linalg.norm(field, axis=-1).max()
    shape = tuple(rng.uniform(0.8, 1.3, 2))
    return Skin(field, event.onset, event.apex, event.offset, shape, 0.0, rest)


def _course(skin: Skin, t: float) -> float:
    if not skin.onset < t < skin.offset + 1:
        return 0.0
    if skin.beats:
        inside = min(t - skin.onset, skin.offset - t) / 0.2
        wave = 0.5 - 0.5 * np.cos(2 * np.pi * skin.beats * (t - skin.onset))
        other = 0.65 + 0.35 * np.sin(2.1 * skin.beats * t)
        return float(wave * other * np.clip(inside, 0, 1))
    rise, fall = skin.shape
    if t < skin.apex:
        r = ((t - skin.onset) / (skin.apex - skin.onset)) ** rise
        return float(r * r * (3 - 2 * r))
    r = np.clip((t - skin.apex) / (skin.offset - skin.apex), 0, 1) ** fall
    left = skin.rest * np.clip(1 - (t - skin.offset), 0, 1)
    return float(max(1 - (1 - skin.rest) * r * r * (3 - 2 * r), 0) if r < 1 else left)


def _pose(script: Script, t: float) -> np.ndarray:
    """x, y, roll, yaw, pitch at a time: face coordinates and radians."""
    amplitude, cycles, phase = np.moveaxis(script.sway, -1, 0)
    pose = (amplitude * np.sin(2 * np.pi * cycles * t + phase)).sum(-1)
    for start, end, yaw, pitch, x, y in script.turns:
        r = np.clip((t - start) / (end - start), 0, 1)
        pose += r * r * (3 - 2 * r) * np.array([x, y, 0, yaw, pitch])
    return pose


def _shoot(video: LongVideo, t: float) -> np.ndarray:
    import cv2

    x, y, roll, yaw, pitch = _pose(video.script, t)
    top, side = MARGINS
    rows = (2 * np.arange(SIZE + 2 * top) + 1 - 2 * top) / SIZE - 1
    columns = (2 * np.arange(SIZE + 2 * side) + 1 - 2 * side) / SIZE - 1
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    frame = np.stack(np.meshgrid(columns - x, rows - y), -1).astype(np.float32)
    frame = frame @ turn.astype(np.float32)
    nearer = np.array([np.sin(yaw), np.sin(pitch)], np.float32)
    shorter = np.array([np.cos(yaw), np.cos(pitch)], np.float32)
    here: np.ndarray = frame
    for _ in range(3):  # where on the solid is what is seen there?
        here = (frame - _look_up(video.depth, here)[..., None] * nearer) / shorter
    source = here.copy()
    for skin in video.script.skins:
        if level := _course(skin, t):
            source -= np.float32(level) * _look_up(skin.field, here)
    n = len(video.canvas)
    pixels = (source / portrait.EXTENT + 1) * n / 2 - 0.5
    # No second map, which its stub does not know.
    return cv2.remap(  # type: ignore[call-overload]
        video.canvas, pixels, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def _look_up(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values on the grid of the canvas, at face coordinates [h, w, 2] float32."""
    import cv2

    scale = np.float32(len(values) / 2 / portrait.EXTENT)
    pixels = at * scale + np.float32(len(values) / 2 - 0.5)
    return cv2.remap(  # type: ignore[call-overload]
        values, pixels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _grid(n: int) -> np.ndarray:
    axis = ((2 * np.arange(n) + 1) / n - 1) * portrait.EXTENT
    return np.stack(np.meshgrid(axis, axis), -1)


def _depth(face: anatomy.Anatomy, n: int) -> np.ndarray:
    """A rounded head with a nose."""
    x, y = np.moveaxis(_grid(n), -1, 0)
    radius = (x / (1.1 * face.width)) ** 2 + (y / 1.1) ** 2
    head = 0.75 * np.sqrt(np.clip(1 - radius, 0.02, 1))
    nose = np.exp(-((x / 0.1) ** 2) - ((y - face.nose_y + 0.08) / 0.16) ** 2)
    return (head - 0.4 + 0.16 * nose).astype(np.float32)
