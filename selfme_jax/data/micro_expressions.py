"""TFDS builders of labelled micro-expression clips: one record a clip.

Reading needs no TensorFlow::

    builder = tfds.builder_from_directory("data/casme2/casme2/3class/1.0.0")
    for clip in builder.as_data_source(split="part0000"): ...
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from selfme_jax.data import shards, survey


class MicroExpressions(shards.Builder, skip_registration=True):
    """What all of the datasets share. Features of a record, which is a clip.

    frames: PNGs in order, first the onset; onset, apex: two of them. frame_numbers:
    as the release numbers them. onset_frame, apex_frame, offset_frame: such numbers.
    apex_index: of the apex in frames. apex_source: annotated | motion | midpoint.
    dataset, subject, sample, emotion, aus: text; label: a class. fps. sha256: of the
    frames' pixels.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Square faces, PNG, one record a clip."}

    def __init__(
        self,
        data_dir: str | Path,
        *,
        clips: Callable[[], Iterator[dict]] | None = None,
        metadata: dict | None = None,
        config: str = "3class",
    ):
        """To be written, or (without clips) to be read.

        Args:
            data_dir: TFDS adds <name>/<config>/<version>.
            clips: gives the records in order.
            metadata: kept as JSON; needs ``size`` and ``lengths``, the number of
              frames of each clip.
            config: of the protocol, '3class' or '5class'.
        """
        self._clips, self._metadata = clips, metadata or {}
        super().__init__(data_dir=data_dir, config=config, file_format="array_record")

    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name="3class", description="MEGC 2019: 3 classes"),
        tfds.core.BuilderConfig(name="5class", description="5 classes"),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        size = self._metadata.get("size")
        image = tfds.features.Image(shape=(size, size, 3), encoding_format="png")
        text, number = tfds.features.Text(), tfds.features.Scalar(np.int32)
        classes = survey.classes(self.name, int(self.builder_config.name[0]))
        features = {
            "onset": image,
            "apex": image,
            "frames": tfds.features.Sequence(image),
            "frame_numbers": tfds.features.Sequence(np.int32),
            "label": tfds.features.ClassLabel(names=list(classes)),
            **dict.fromkeys(TEXTS, text),
            **dict.fromkeys(NUMBERS, number),
        }
        about = "Labelled micro-expression clips, faces cut out."
        return self.described(features, about, self._metadata)

    def _split_generators(self, dl_manager) -> dict:
        del dl_manager
        frame = 3 * self._metadata["size"] ** 2
        return self.parts(length * frame for length in self._metadata["lengths"])

    def _generate_examples(self) -> Iterator[tuple[int, dict]]:
        yield from enumerate(self._clips())


TEXTS = ("dataset", "subject", "sample", "emotion", "aus", "apex_source", "sha256")
NUMBERS = ("onset_frame", "apex_frame", "offset_frame", "apex_index", "fps")


class Casme2(MicroExpressions, skip_registration=True):
    """CASME II: 145 clips of 24 people (3 classes), 246 of 26 (5 classes)."""


class SmicHs(MicroExpressions, skip_registration=True):
    """SMIC-HS: 164 clips of 16 people, 3 classes."""


class Samm(MicroExpressions, skip_registration=True):
    """SAMM: 133 clips of 28 people (3 classes), 136 (5 classes)."""


class Megc2019(MicroExpressions, skip_registration=True):
    """The composite of the three: 442 clips of 68 people, 3 classes."""


BUILDERS = {
    "casme2": Casme2,
    "smic_hs": SmicHs,
    "samm": Samm,
    "megc2019": Megc2019,
}
