"""Films as H.264 in MP4, which browsers play; by PyAV, without sound."""

import os
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from av.video.stream import VideoStream

# The encoder: the first that is there, and its options.
CODECS = {
    "libx264": {"preset": "veryfast", "crf": "23"},
    "libopenh264": {"allow_skip_frames": "0"},
}
_CLOCK = 90_000  # ticks per second


def codec() -> str:
    """The encoder of H.264 that PyAV was built with; '' = none."""
    from av.codec import Codec

    for name in CODECS:
        with suppress(Exception):  # PyAV has a kind of its own for each failure
            Codec(name, "w")
            return name
    return ""


def write(
    path: str | os.PathLike, frames: Iterable[tuple[float, np.ndarray]], *, fps: float
) -> None:
    """Write a film, whole or not at all.

    Args:
        path: of the .mp4.
        frames: (seconds, [h, w, 3] uint8 RGB) of even sizes, one in memory at a time.
        fps: about; each frame is shown at its own time.
    """
    import av

    place, name = Path(path), codec()
    partial = place.with_name(place.name + ".partial")
    options = {"movflags": "+faststart"}
    try:
        with av.open(str(partial), "w", format="mp4", options=options) as container:
            stream: VideoStream | None = None
            last = -1
            for seconds, image in frames:
                if stream is None:
                    rate = Fraction(fps or 25).limit_denominator(1001)
                    added = container.add_stream(name, rate, options=CODECS[name])
                    stream = cast("VideoStream", added)
                    stream.height, stream.width = image.shape[:2]
                    stream.pix_fmt = "yuv420p"
                    stream.codec_context.time_base = Fraction(1, _CLOCK)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                # Two frames of one time are none to a player.
                last = max(round(seconds * _CLOCK), last + 1)
                frame.pts, frame.time_base = last, Fraction(1, _CLOCK)
                container.mux(stream.encode(frame))
            if stream is not None:
                container.mux(stream.encode(None))
        os.replace(partial, place)
    finally:
        partial.unlink(missing_ok=True)
