"""The time line of a clip, as it is drawn."""

import itertools

import numpy as np
import pytest

from selfme_jax.report import clip_figures


def expression(apex, *, unsure=False, word="negative"):
    spans = {"seconds": [apex - 0.2, apex, apex + 0.2], "kind": "micro"}
    return spans | {"class": word, "unsure": unsure}


def names(clip):
    """[(words, box in pixels)] of each row, left to right."""
    drawn = clip_figures.timeline(clip, None)
    drawn.canvas.draw()
    rows = []
    for axis in drawn.axes:
        texts = sorted(axis.texts, key=lambda text: text.get_position())
        rows.append([(t.get_text(), t.get_window_extent()) for t in texts])
    return rows


@pytest.mark.parametrize("seconds", [6.0, 60.0, 3600.0])
def test_no_name_lies_over_another(seconds):
    rng = np.random.default_rng(3)
    words = ["negative", "positive", "surprise"]
    found = [
        expression(apex, unsure=bool(rng.random() < 0.3), word=str(rng.choice(words)))
        for apex in np.sort(rng.uniform(0.5, seconds - 0.5, 200))
    ]
    rows = names({"seconds": seconds, "intervals": found, "unseen": []})
    assert len(rows) == {6.0: 1, 60.0: 3, 3600.0: 12}[seconds]
    for row in rows:
        assert len(row) > 3
        for (_, one), (_, other) in itertools.pairwise(row):
            assert one.x1 <= other.x0


def test_what_has_room_is_named():
    found = [expression(5, word="positive"), expression(9, unsure=True)]
    blink = expression(7) | {"kind": "blink"}
    clip = {"seconds": 20.0, "intervals": [*found, blink], "unseen": []}
    ((one, two),) = names(clip)
    assert (one[0], two[0]) == ("positive", "?")
