"""The TFDS dataset of face crops: one record a frame, in order.

TensorFlow is not needed, but without it TFDS can write no more than a gigabyte into a
split (its buffer beyond that is TensorFlow's). So the frames are cut into splits that
are small enough, part0000, part0001, ..., which are read as one.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

# Uncompressed bytes of a split, which TFDS holds in memory as (smaller) PNGs.
PART_BYTES = 1 << 28

Frames = Callable[[], Iterator[tuple[str, int, np.ndarray]]]


class FaceVideos(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Face crops of video clips; metadata.json tells the clips apart."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "One square per clip, PNG, frames in order."}
    # Nothing is downloaded. TFDS would look for a list of URLs beside this module, and
    # needs the package importlib_resources for that, which it does not install.
    url_infos = None

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
        return tfds.core.DatasetInfo(
            builder=self,
            description="Face crops of video clips, one square per clip, in order.",
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(self._metadata),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager) -> dict:
        del dl_manager
        size = self._metadata["options"]["size"]
        length = max(1, PART_BYTES // (3 * size * size))
        total = sum(clip["count"] for clip in self._metadata["clips"])
        # TFDS writes one split after the other: all draw from the same generator.
        examples = self._generate_examples()
        return {
            f"part{part:04d}": itertools.islice(examples, length)
            for part in range(-(-total // length))
        }

    def _generate_examples(self) -> Iterator[tuple[int, dict]]:
        import cv2

        for key, (clip, frame, image) in enumerate(self._frames()):
            png = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
            yield key, {"image": png.tobytes(), "clip": clip, "frame": frame}

    def _log_download_bytes(self) -> None:
        """TFDS would announce a download of unknown size."""

    def _log_download_done(self) -> None:
        """Who prepares says where the dataset is."""
