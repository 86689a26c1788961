"""TFDS builders of labelled micro-expression clips: one record a clip.

Reading needs no TensorFlow::

    builder = tfds.builder_from_directory("data/casme2/casme2/3class/1.0.0")
    for clip in builder.as_data_source(split="part0000"): ...
"""

import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from selfme_jax.data import shards
from selfme_jax.data.releases import registry


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
            config: of the protocol, such as '3class'.
        """
        self._clips, self._metadata = clips, metadata or {}
        super().__init__(data_dir=data_dir, config=config, file_format="array_record")

    def _info(self) -> tfds.core.DatasetInfo:
        size = self._metadata.get("size")
        image = tfds.features.Image(shape=(size, size, 3), encoding_format="png")
        text, number = tfds.features.Text(), tfds.features.Scalar(np.int32)
        classes = registry.classes(
            self.name, int(self.builder_config.name.removesuffix("class"))
        )
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
        if self._clips is None:
            raise ValueError("made to be read: it was given no clips to write")
        yield from enumerate(self._clips())


TEXTS = ("dataset", "subject", "sample", "emotion", "aus", "apex_source", "sha256")
NUMBERS = ("onset_frame", "apex_frame", "offset_frame", "apex_index", "fps")


def _builder(name: str) -> type[MicroExpressions]:
    """The builder of a release or composite, which TFDS calls by the class's name."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    about = {
        "__module__": __name__,
        "__doc__": f"{', '.join(part.title for part in registry.parts(name))}.",
        "name": name,
        "BUILDER_CONFIGS": [
            tfds.core.BuilderConfig(name=f"{n}class", description=f"{n} classes")
            for n in registry.numbers(name)
        ],
    }
    return types.new_class(
        *(camel, (MicroExpressions,), {"skip_registration": True}),
        lambda namespace: namespace.update(about),
    )


BUILDERS = {name: _builder(name) for name in registry.NAMES}
