"""Four face regions: upper/lower by a row fraction, left/right by the midline."""

import jax

from selfme_jax.ops import augment

# Order of the region axis everywhere (left = the image's left half).
NAMES = ("upper left", "upper right", "lower left", "lower right")


def split(
    flow: jax.Array, *, row_fraction: float, multiple: int
) -> tuple[jax.Array, jax.Array]:
    """Cut a flow into its upper and lower pair of regions.

    The right regions are mirrored (x flipped and u negated), so that corresponding
    points of a symmetric face fall on the same pixel of both sides.

    Args:
      flow: [..., h, w, c], channel 0 = u (along x); h and w multiples of
        ``multiple`` and 2 * ``multiple``.
      row_fraction: share of the rows that is upper, rounded to ``multiple`` rows.
      multiple: patch size: every region holds whole patches.

    Returns:
      (upper [..., 2, hu, w/2, c], lower [..., 2, h - hu, w/2, c]), axis -4 =
      (left, mirrored right).

    Raises:
      ValueError: sizes that do not divide, or a fraction that empties a row.
    """
    h, w = flow.shape[-3:-1]
    if h % multiple or w % (2 * multiple):
        raise ValueError(
            f"flow of {h}x{w} does not split into regions of whole {multiple}x"
            f"{multiple} patches; height must divide by {multiple}, width by "
            f"{2 * multiple}"
        )
    rows = round(row_fraction * h / multiple) * multiple
    if not 0 < rows < h:
        raise ValueError(f"row_fraction {row_fraction} leaves a region without rows")
    left = flow[..., : w // 2, :]
    right = augment.mirror(flow[..., w // 2 :, :])
    sides = jax.numpy.stack([left, right], axis=-4)
    return sides[..., :rows, :, :], sides[..., rows:, :, :]
