"""What the built-in model says of two frames, or of a published flow image."""

from typing import NamedTuple

import numpy as np

from selfme_jax.inputs import published
from selfme_jax.systems import committee
from selfme_jax.systems.committee import ALL, CLASSES, UNITS, Committee
from selfme_jax.types import UserError

NAMES = ("builtin",)
# Deviation of the motion within a face, in pixels of a crop of 256, below which frames
# are as good as identical: what noise of a camera makes of a face that is still.
STILL = 0.06


class Answers(NamedTuple):
    """Of b pairs.

    probabilities: [b, 3] calibrated, of ``Answerer.classes``. units: [b, 12] calibrated
    probabilities of ``Answerer.units``. sides: [b, 12] int8, -1 left of the picture, 0
    both, 1 right. noted: [b, 12] bool, above the unit's threshold. unsure: [b] bool,
    the largest probability is below ``Answerer.sure``. still: [b] bool, identical or
    nearly identical frames: no expression; nothing is noted then.
    """

    probabilities: np.ndarray
    units: np.ndarray
    sides: np.ndarray
    noted: np.ndarray
    unsure: np.ndarray
    still: np.ndarray


class Answerer(NamedTuple):
    """A committee with what it is told to say.

    classes, units: what is answered. card: measured scores on real clips, intervals,
    limits, hashes. sure: least probability of an answer that is not 'not sure'.
    """

    classes: tuple[str, ...]
    units: tuple[int, ...]
    card: dict
    sure: float
    made: Committee

    @property
    def compiled(self) -> bool:
        """That an answer is a matter of seconds, the first one too."""
        return True

    def answer(self, onset: np.ndarray, apex: np.ndarray) -> Answers:
        """Of pairs of face crops: [b, h, w, 3] uint8 RGB each, h = w = 256 usually.

        Crops are those of ``data.faces.framing``. b = 0 is allowed.

        Raises:
          UserError: other shapes or types.
        """
        flow = self.motion(onset, apex)
        deviation = flow.std(axis=(1, 2)).max(-1) * 256 / max(1, onset.shape[1])
        images = np.asarray(published.as_published(flow))
        return self._say(images, deviation < STILL)

    def motion(self, onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
        """Flow [b, 28, 28, 2] that is answered upon; see ``published.motion``."""
        for frames in (onset, apex):
            square = frames.ndim == 4 and frames.shape[-1] == 3
            if not square or frames.dtype != np.uint8 or frames.shape != onset.shape:
                raise UserError(
                    f"expected two [b, h, w, 3] uint8, got {onset.shape} and "
                    f"{apex.shape}. Cut faces out by data.faces.framing."
                )
        return published.motions(onset, apex)

    def read(self, images: np.ndarray) -> Answers:
        """Of published images [b, 28, 28, 3], grey levels 0..255 (u, v, strain).

        Raises:
          UserError: other shapes.
        """
        if images.ndim != 4 or images.shape[1:] != committee.SHAPE:
            raise UserError(
                f"the built-in model reads images of {committee.SHAPE}, not "
                f"{images.shape[1:]}. Make them as published with STSTNet."
            )
        constant = np.ptp(images[..., :2], axis=(1, 2)).max(-1) == 0
        return self._say(images.astype(np.float32), constant)

    def _say(self, images: np.ndarray, still: np.ndarray) -> Answers:
        # Few shapes, which are compiled once.
        size = next(n for n in (1, 8, 64, 256) if n >= min(len(images), 256))
        networks = self.made.networks
        found = committee.predict(networks, images, batch_size=size)
        differences = committee.differences(networks, images, batch_size=size)
        decision = self.made.decisions[ALL]
        classes, units, noted = committee.decide(decision, found[ALL])
        noted = noted & ~still[:, None]
        sides = committee.sides(differences, decision.margins)
        unsure = (classes.max(-1) < self.sure) | still
        return Answers(
            classes.astype(np.float32),
            units.astype(np.float32),
            sides,
            noted,
            unsure,
            still,
        )


def load(name: str = "builtin") -> Answerer:
    """The model that comes with the package.

    Raises:
      UserError: another name, or weights that are damaged.
    """
    if name not in NAMES:
        raise UserError(f"no built-in model {name!r}. There is: {', '.join(NAMES)}.")
    made, card = committee.load(name)
    return Answerer(CLASSES, UNITS, card, float(card["sure"]), made)
