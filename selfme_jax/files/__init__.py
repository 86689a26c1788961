"""Files of a run: places of either kind, guarded reading, and seals.

Whatever a user's disk holds is read by what stands here, so that whatever is wrong with
it is a line with the remedy: ``reading`` guards the decoding of content, ``guard`` what
the disk refuses (full, read-only, a folder in the way).
"""

from selfme_jax.files.guards import explain, guard, reading, reason
from selfme_jax.files.places import (
    BUCKET,
    below,
    cache,
    copy,
    local,
    path,
    reach,
    remote,
    write,
)
from selfme_jax.files.readers import (
    read_array,
    read_bytes,
    read_csv,
    read_json,
    read_npz,
    read_text,
    write_array,
)
from selfme_jax.files.seal import sha256 as digest

__all__ = [
    "BUCKET",
    "below",
    "cache",
    "copy",
    "digest",
    "explain",
    "guard",
    "local",
    "path",
    "reach",
    "read_array",
    "read_bytes",
    "read_csv",
    "read_json",
    "read_npz",
    "read_text",
    "reading",
    "reason",
    "remote",
    "write",
    "write_array",
]
