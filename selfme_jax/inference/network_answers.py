"""Trained networks of a run or an export, as what answers of face crops."""

from functools import cached_property

import jax
import numpy as np

from selfme_jax.evaluate.predictions import UNIT
from selfme_jax.inference.answering import Answers
from selfme_jax.inference.model import Model
from selfme_jax.types import UserError

SURE = 0.5  # least probability of a class that is not 'not sure'; our choice
NOTED = 0.5  # of an action unit that is seen
# Grey levels that the most changed hundredth of a smoothed face changes at least by;
# below, two frames are as good as the same. Our choice.
STILL = 1.5


class NetworkAnswers:
    """Meets the built-in ``Answerer``: classes, units, card, answer.

    Probabilities are those of the network as they are: not calibrated.

    Raises:
      UserError: it reads flow images, which nothing here makes of frames.
    """

    def __init__(self, model: Model, card: dict):
        description = model.description
        if not model.input.of_clips:
            raise UserError(
                f"this network reads {model.input.words}, not frames of clips. Take "
                "one of a run with --config.input=learned, registered, tvl1 or apex."
            )
        of_units = description.target == "action_units"
        self.classes = () if of_units else description.classes
        self.units: tuple[int, ...] = ()
        if of_units:
            numbers = (name.removeprefix(UNIT) for name in description.classes)
            self.units = tuple(map(int, numbers))
        self.card = card
        self.compiled = False  # until there was an answer
        self._model = model

    @cached_property
    def _apply(self):
        return jax.jit(self._model.apply)

    def answer(self, onset: np.ndarray, apex: np.ndarray) -> Answers:
        """Of pairs of face crops, [b, 256, 256, 3] uint8 RGB each."""
        import cv2

        still = np.array(
            [_still(*pair) for pair in zip(onset, apex, strict=True)], bool
        )
        h, w, _ = self._model.description.shape
        given = {"onset": onset, "apex": apex}
        resized = []
        for name in self._model.arguments:
            images = [
                cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
                for image in given[name]
            ]
            resized.append(np.stack(images))
        found = self._apply(self._model.variables, *resized)
        self.compiled = True
        values = np.asarray(found["probabilities"], np.float32)
        empty = np.zeros((len(values), 0), np.float32)
        probabilities, units = (empty, values) if self.units else (values, empty)
        unsure = still.copy()
        if self.classes:
            unsure |= probabilities.max(1) < SURE
        noted = (units >= NOTED) & ~still[:, None]
        sides = np.zeros(units.shape, np.int8)
        return Answers(probabilities, units, sides, noted, unsure, still)


def _still(onset: np.ndarray, apex: np.ndarray) -> bool:
    import cv2

    change = cv2.blur(apex.astype(np.float32) - onset.astype(np.float32), (9, 9))
    return bool(np.quantile(np.abs(change).max(-1), 0.99) < STILL)
