"""What all TFDS datasets here share; TensorFlow is not needed.

Without TensorFlow TFDS can write no more than a gigabyte into a split (its buffer
beyond that is TensorFlow's). So records are cut into splits that are small enough,
part0000, part0001, ..., which are read as one.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import tensorflow_datasets as tfds

from selfme_jax.types import UserError

# Uncompressed bytes of a split, which TFDS holds in memory as (smaller) PNGs.
PART_BYTES = 1 << 28
_PNG_LEVEL = 1  # fast; a quarter larger than the default


class Encoded(tfds.decode.SkipDecoding):
    """A decoder that leaves images, and sequences of them, as PNGs.

    TFDS's own knows no sequences where TensorFlow is not installed.
    """

    def decode_batch_example_np(self, example: Any) -> Any:
        """The PNGs of a sequence."""
        return example


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A builder that downloads nothing and writes parts, records in order."""

    if TYPE_CHECKING:  # what TFDS, which has no types, lets its subclasses say

        def __init_subclass__(cls, *, skip_registration: bool) -> None: ...

    # TFDS would look for a list of URLs beside the module, and needs the package
    # importlib_resources for that, which it does not install.
    url_infos = None

    def described(self, features: dict, description: str, metadata: dict):
        """The DatasetInfo of records in order, metadata kept as JSON."""
        return tfds.core.DatasetInfo(
            builder=self,
            description=description,
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(metadata),
            disable_shuffling=True,
        )

    def parts(self, sizes: Iterable[int]) -> dict[str, Iterator]:
        """Splits of the examples, from the uncompressed bytes of each."""
        counts, filled = [0], 0
        for size in sizes:
            if filled and filled + size > PART_BYTES:
                counts.append(0)
                filled = 0
            counts[-1] += 1
            filled += size
        # TFDS writes one split after the other: all draw from the same generator.
        examples = self._generate_examples()
        return {
            f"part{i:04d}": (next(examples) for _ in range(count))
            for i, count in enumerate(counts)
        }

    def write(self, scratch: Path) -> None:
        """Write all parts; the folder gets its name when it is complete."""
        tfds.disable_progress_bar()  # ours says how long it will take
        self.download_and_prepare(download_dir=scratch)

    def _log_download_bytes(self) -> None:
        """TFDS would announce a download of unknown size."""

    def _log_download_done(self) -> None:
        """Who prepares says where the dataset is."""


def read(place: Path, images: Collection[str]) -> tuple[Sequence[dict], dict]:
    """(records of all parts, metadata) of a dataset that a Builder wrote.

    Args:
        place: its folder.
        images: the features that are left encoded: OpenCV decodes faster, and only
          what is asked for.

    Raises:
        UserError: it is damaged.
    """
    try:
        builder = tfds.builder_from_directory(place)
        records = builder.as_data_source(
            split="+".join(sorted(builder.info.splits)),
            decoders=dict.fromkeys(images, Encoded()),
        )
        return records, builder.info.metadata
    except Exception as error:  # TFDS has one for every kind of damage
        raise damaged(place, error) from error


def damaged(place: Path, error: Exception) -> UserError:
    """What a user can do about a dataset that cannot be read."""
    return UserError(
        f"{place} is damaged ({type(error).__name__}). Delete it and prepare it again."
    )


def encode(image: np.ndarray) -> bytes:
    """PNG of [h, w, 3] uint8 RGB."""
    import cv2

    level = [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL]
    image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", image, level)[1].tobytes()


def decode(png: bytes) -> np.ndarray:
    """[h, w, 3] uint8 RGB of a PNG; may be called from several threads."""
    import cv2

    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    # Of a PNG that is none OpenCV says so here.
    return cv2.cvtColor(cast(np.ndarray, image), cv2.COLOR_BGR2RGB)
