"""From usable clips to the records of a TFDS dataset: faces as PNGs."""

import functools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from selfme_jax.data import manifest
from selfme_jax.data.faces import framing as align
from selfme_jax.data.releases import inspection
from selfme_jax.data.releases.inspection import Options, Usable
from selfme_jax.types import Tell, UserError


def stream(
    usable: Sequence[Usable], options: Options, tell: Tell
) -> Iterator[dict[str, Any]]:
    """Records in order, made a few clips ahead by several threads.

    Args:
        usable: the clips.
        options: of the preparation.
        tell: called as the work goes on.

    Raises:
        UserError: a frame that could be read before cannot now.
    """
    make = functools.partial(_record, size=options.size)
    with ThreadPoolExecutor(inspection.WORKERS) as pool:
        # A few clips ahead, not all of them: they wait in memory.
        ahead = 2 * inspection.WORKERS
        waiting = [pool.submit(make, clip) for clip in usable[:ahead]]
        for done, clip in enumerate(usable, start=1):
            record = waiting.pop(0).result()
            if done - 1 + ahead < len(usable):
                waiting.append(pool.submit(make, usable[done - 1 + ahead]))
            tell("writing clips", done, len(usable), clip.entry.name)
            yield record


def _record(clip: Usable, *, size: int) -> dict[str, Any]:
    from selfme_jax.data import shards

    frames = []
    for path in clip.paths:
        image = inspection.decode(path)
        if isinstance(image, str):
            raise UserError(f"{path} changed while it was read ({image}). Run again.")
        frames.append(align.apply(image, clip.matrix, size=size))
    pngs = [shards.encode(frame) for frame in frames]
    entry = clip.entry
    return {
        "dataset": entry.dataset,
        "subject": entry.subject,
        "sample": entry.sample,
        "emotion": entry.emotion,
        "label": entry.label,
        "aus": entry.aus,
        "fps": entry.fps,
        "onset": pngs[0],
        "apex": pngs[clip.apex],
        "frames": pngs,
        "frame_numbers": list(clip.numbers),
        "onset_frame": clip.numbers[0],
        "apex_frame": clip.numbers[clip.apex],
        "offset_frame": clip.numbers[-1],
        "apex_index": clip.apex,
        "apex_source": clip.apex_source,
        "sha256": manifest.content_sha256(np.stack(frames)),
    }
