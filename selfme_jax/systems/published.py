"""Published fold weights, scored as they are: nothing is trained."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np

from selfme_jax.baselines.ststnet import STSTNet
from selfme_jax.systems.base import Problem
from selfme_jax.train.loop import Stage
from selfme_jax.types import UserError


class Published(NamedTuple):
    """One set of variables per held-out subject.

    prepare: flow -> inputs. weights: subject (without its dataset) -> variables.
    """

    prepare: Callable[[np.ndarray], np.ndarray]
    module: STSTNet
    weights: Mapping[str, dict]

    def fit_predict(self, problem: Problem, stage: Stage) -> np.ndarray:
        """[seeds, n, outputs] logits; the same for every seed.

        Raises:
          UserError: a held-out subject for whom no weights were published.
        """
        inputs = self.prepare(problem.inputs)
        apply = jax.jit(lambda v, x: self.module.apply(v, x, train=False))
        logits = np.full((len(problem.labels), len(problem.target.outputs)), np.nan)
        for split in problem.splits:
            subject = split.held_out.rsplit("/", 1)[-1]
            if subject not in self.weights:
                raise UserError(
                    f"no published weights for {split.held_out}; there are: "
                    f"{', '.join(self.weights)}."
                )
            for index in split.test:  # one shape: compiled once for all folds
                x = inputs[0, index][None]
                logits[index] = np.asarray(apply(self.weights[subject], x))[0]
        print(f"{stage.name}: scored {len(problem.splits)} published folds", flush=True)
        return np.tile(logits, (len(problem.seeds), 1, 1))
