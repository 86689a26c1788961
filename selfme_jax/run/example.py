"""The clip to try things on: a person that never was, made on this machine."""

from pathlib import Path

from selfme_jax import files
from selfme_jax.data import synthetic_videos
from selfme_jax.files import films

SEED, SECONDS, FPS = 7, 9.0, 30.0
NAME = "example.mp4"


def clip(folder: Path | None = None) -> Path:
    """Its file, which is made the first time.

    Args:
      folder: where; None = among what can be had again (``files.cache``).
    """
    place = (folder or files.cache() / "example") / NAME
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        video = synthetic_videos.make(SEED, seconds=SECONDS, fps=FPS)
        frames = ((i / FPS, image) for i, image in enumerate(video.frames()))
        films.write(place, frames, fps=FPS)
    return place
