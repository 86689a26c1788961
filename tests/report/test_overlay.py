"""What is drawn into the frames of a clip, and when."""

import numpy as np
import pytest

from selfme_jax.report import kinds, overlay

PLAIN = {
    "class": "positive", "probabilities": {"positive": 0.9}, "aus": {}, "sides": {},
    "noted": [], "unsure": False, "no_expression": False,
}  # fmt: skip
BLINK = PLAIN | {"class": None, "probabilities": {}}
CLIP = {
    "seconds": 10.0,
    "intervals": [
        PLAIN | {"seconds": [5.0, 5.2, 8.0], "kind": "micro"},
        PLAIN | {"seconds": [1.0, 2.0, 6.0], "kind": "macro", "face": [60, 40, 30, 0]},
        BLINK | {"seconds": [3.0, 3.2, 3.4], "kind": "blink", "face": [9, 9, 9, 0]},
    ],
    "unseen": [{"seconds": [9.0, 9.5], "why": "no face"}],
}
GREY = np.full((90, 202, 3), 100, np.uint8)
BELOW = slice(90 - overlay.BAR + 2, 88)  # rows of the time line


def colours_at(frame, second):
    """Of the time line of [90, 202, 3], one colour from top to bottom."""
    (column,) = np.unique(frame[BELOW, round(second * 20.1)], axis=0)
    return tuple(map(int, column))


def test_the_time_line_is_that_of_the_whole_clip_in_every_frame():
    painter = overlay.Painter(CLIP)
    for now in (0.0, 3.3, 9.9):
        frame = painter.frame(GREY, now)
        assert frame.shape == GREY.shape and frame.dtype == np.uint8
        for second, kind in ((1.5, "macro"), (3.2, "blink"), (7.0, "micro")):
            assert colours_at(frame, second) == tuple(kinds.rgb(kind))
        assert colours_at(frame, 5.5) == tuple(kinds.rgb("micro"))  # above macro
        assert colours_at(frame, 8.5) == (25, 25, 25)  # nothing: darkened
        assert colours_at(frame, now) == (255, 255, 255)  # where the film is


def test_what_goes_on_is_named_while_it_does():
    painter = overlay.Painter(CLIP)
    changed = {}
    for now in (0.5, 1.0, 3.3, 5.5, 7.0, 8.5, 9.2):
        body = painter.frame(GREY, now)[: 90 - overlay.BAR]
        changed[now] = np.any(body != GREY[0, 0], axis=-1)
    assert not changed[0.5].any() and not changed[8.5].any()
    rows = {now: np.flatnonzero(c[:, 4]).size for now, c in changed.items()}
    assert rows[1.0] == rows[7.0] == rows[9.2] > 0  # a label; the gap has one, too
    assert rows[3.3] == rows[5.5] > 1.5 * rows[1.0]  # two
    left = np.flatnonzero(changed[1.0][50])  # below the labels: the square of a face
    assert {int(x) for x in left} & {44, 45, 46} and {int(x) for x in left} & {74, 75}


@pytest.mark.parametrize("shape", [(31, 57), (90, 202), (1001, 1601)])
def test_sizes_become_even_and_not_too_wide(shape):
    painter = overlay.Painter(CLIP)
    painter.frame(GREY, 1.0)  # another size before
    frame = painter.frame(np.zeros((*shape, 3), np.uint8), 5.0)
    assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert frame.shape[1] <= overlay.WIDEST
    scale = min(1, overlay.WIDEST / shape[1])
    np.testing.assert_allclose(frame.shape[:2], np.array(shape) * scale, atol=1)


def test_nothing_found():
    nothing = {"seconds": 10.0, "intervals": [], "unseen": []}
    frame = overlay.Painter(nothing).frame(GREY, 5.0)
    np.testing.assert_array_equal(frame[: 90 - overlay.BAR], GREY[: 90 - overlay.BAR])
