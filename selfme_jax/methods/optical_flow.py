"""TV-L1 optical flow of clips: the classical motion that SelfME's is compared with."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from selfme_jax.methods import clips
from selfme_jax.ops import flow as flow_ops
from selfme_jax.train.loop import Stage
from selfme_jax.types import ClipDataset, Split

BATCH = 8  # clips at once


class OpticalFlow(NamedTuple):
    """Meets what ``selfme.MotionLearning`` offers; nothing is learned.

    size: side of the flow handed on; values stay in pixels of the frame.
    preset: of ``ops.flow.tvl1``.
    """

    size: int
    preset: str = "opencv"

    def fit_transform(
        self, dataset: ClipDataset, splits: Sequence[Split], seed: int, stage: Stage
    ) -> np.ndarray:
        """[1, n, size, size, 3] (u, v, strain) of onset -> apex, in pixels.

        Backward as learned motion is: apex(p) = onset(p + flow(p)).
        """
        del splits, seed
        onset, apex = clips.onset_apex(clips.stack(dataset))
        print(f"{stage.name}: TV-L1 of {len(onset)} clips ...", flush=True)

        @jax.jit
        def read(onset, apex):
            pair = clips.to_float(apex), clips.to_float(onset)
            flow = flow_ops.tvl1(*pair, preset=self.preset)
            return jax.vmap(partial(clips.shrink, size=self.size))(flow)

        found = []
        for start in range(0, len(onset), BATCH):
            # The last batch is filled up: one compilation for all.
            ids = np.minimum(np.arange(start, start + BATCH), len(onset) - 1)
            found.append(np.asarray(read(onset[ids], apex[ids])))
        return np.concatenate(found)[None, : len(onset)]
