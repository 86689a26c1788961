"""The TFDS dataset of face crops: one record a frame, in order."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from selfme_jax.data import shards

Frames = Callable[[], Iterator[tuple[str, int, np.ndarray]]]


class FaceVideos(shards.Builder, skip_registration=True):
    """Face crops of video clips; metadata.json tells the clips apart."""

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES: ClassVar = {
        "1.0.0": "One upright square per clip, 1.4 faces wide.",
        "2.0.0": "One framing per window, as of all datasets: 1.2 faces, eyes level.",
    }

    def __init__(self, data_dir: Path, *, frames: Frames, metadata: dict):
        """What is to be written.

        Args:
            data_dir: TFDS adds face_videos/<version>.
            frames: gives (name of the clip, number in it, [size, size, 3] uint8 RGB).
            metadata: kept beside the records as JSON; ``options.size`` is the size of
              the frames, ``clips`` have a ``count`` each.
        """
        self._frames, self._metadata = frames, metadata
        super().__init__(data_dir=data_dir, file_format="array_record")

    def _info(self) -> tfds.core.DatasetInfo:
        size = self._metadata["options"]["size"]
        features = {
            "image": tfds.features.Image(shape=(size, size, 3), encoding_format="png"),
            "clip": tfds.features.Text(),
            "frame": tfds.features.Scalar(np.int32),
        }
        about = "Face crops of video clips, one framing per window, in order."
        return self.described(features, about, self._metadata)

    def _split_generators(self, dl_manager) -> dict:
        del dl_manager
        size = self._metadata["options"]["size"]
        total = sum(clip["count"] for clip in self._metadata["clips"])
        return self.parts(itertools.repeat(3 * size * size, total))

    def _generate_examples(self) -> Iterator[tuple[int, dict]]:
        for key, (clip, frame, image) in enumerate(self._frames()):
            png = shards.encode(image)
            yield key, {"image": png, "clip": clip, "frame": frame}
