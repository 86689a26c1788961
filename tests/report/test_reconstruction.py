"""Pictures and page of a pretraining run."""

from typing import NamedTuple

import numpy as np
import pytest

from selfme_jax.report import pretraining, reconstruction
from selfme_jax.types import Keypoints, Motion
from selfme_jax.workdir import open_workdir


class Output(NamedTuple):
    """The parts of motion.network.MotionOutput that are drawn."""

    source_keypoints: Keypoints
    driving_keypoints: Keypoints
    motion: Motion
    reconstruction: np.ndarray


def make(rng):
    onset, apex, made = rng.random((3, 1, 16, 12, 3), np.float32)
    points = Keypoints(rng.uniform(-1, 1, (1, 3, 5, 2)))
    moved = Keypoints(points.points + 0.1)
    flow = np.full((1, 4, 3, 2), [0.2, -0.1], np.float32)
    visible = np.full((1, 16, 12, 1), 0.7, np.float32)
    motion = Motion(flow, (visible[:, ::2, ::2], visible), None, None)
    return onset, apex, Output(points, moved, motion, made)


def test_picture_holds_where_points_go_in_pixels():
    onset, apex, output = make(np.random.default_rng(0))
    drawn = reconstruction.picture("clip", onset, apex, output)
    # Backward flow in grid units: half the extent is 5.5 and 7.5 pixels.
    np.testing.assert_allclose(
        drawn.motion, np.broadcast_to([-0.2 * 5.5, 0.1 * 7.5], (16, 12, 2)), rtol=1e-5
    )
    np.testing.assert_array_equal(drawn.apex, apex[0])
    assert drawn.visible.shape == (16, 12) and drawn.onset_points.shape == (3, 5, 2)


def test_a_row_a_pair_and_differences_on_one_scale():
    rng = np.random.default_rng(1)
    pairs = [reconstruction.picture(f"pair {i}", *make(rng)) for i in range(2)]
    figure = reconstruction.pictures(pairs)
    axes = np.array(figure.axes[: 2 * len(reconstruction.COLUMNS)]).reshape(2, -1)
    for row, pair in zip(axes, pairs, strict=True):
        before, after = (axis.get_images()[0] for axis in row[3:5])
        assert before.get_clim() == after.get_clim()
        error = abs(pair.apex - pair.reconstruction).mean(-1)
        np.testing.assert_allclose(after.get_array(), error, rtol=1e-6)
        assert any(pair.title in text.get_text() for text in row[0].texts)


RESULTS = {
    "clips": 2,
    "frames": 240,
    "parameters": 1234567,
    "provenance": {"git": "abc", "versions": {"jax": "1"}},
    "trained": True,
    "reconstruction": {
        "3": {
            "pairs": 21,
            **{"l1_onset": 0.02, "l1_warped": 0.014, "l1_generated": 0.013},
            **{"ssim_onset": 0.9, "ssim_warped": 0.93, "ssim_generated": 0.95},
        }
    },
}


def test_page_and_table_say_how_much_closer(tmp_path):
    (row,) = pretraining.rows(RESULTS, "l1")
    assert row == ("3", "21", "2.00", "1.40", "1.30", "-30.0 %")
    pretraining.write(
        open_workdir(tmp_path),
        RESULTS,
        command="python -m x <y>",
        metrics=[
            {"stage": "motion", "chunk": 0, "step": i, "seconds": 1.0, "loss": 1 / i}
            for i in (1, 2, 3)
        ],
        pictures=[reconstruction.picture("p", *make(np.random.default_rng(2)))],
    )
    page = (tmp_path / "report.html").read_text()
    assert "1,234,567 parameters" in page and "-30.0 %" in page
    assert 'class="verdict beats">Better than doing nothing' in page
    assert "python -m x &lt;y&gt;" in page
    assert page.count("data:image/png;base64,") == 2
    assert {p.name for p in (tmp_path / "figures").iterdir()} == {
        "pairs.png",
        "curves.png",
    }
    assert "0.9500" in pretraining.text(RESULTS)


@pytest.mark.parametrize(
    ("changes", "beats", "text"),
    [
        ({}, True, "Better than doing nothing"),
        ({"l1_warped": 0.021}, False, "NOT better than doing nothing at any gap"),
        ({"ssim_warped": 0.89}, False, "NOT better than doing nothing at any gap"),
        ({"l1_warped": 0.02}, False, "NOT better than doing nothing at any gap"),
        # The generator may repaint what motion does not explain.
        ({"l1_generated": 0.03}, True, "Better than doing nothing"),
    ],
)
def test_the_verdict_is_of_the_motion_alone(changes, beats, text):
    score = RESULTS["reconstruction"]["3"]
    found = pretraining.verdict({"reconstruction": {"3": score | changes}})
    assert found.beats == beats and found.text.startswith(text)


def test_the_verdict_names_the_gaps_that_fail():
    good = RESULTS["reconstruction"]["3"]
    several = {
        "3": good | {"l1_warped": 1.0},
        "6": good,
        "12": good | {"ssim_warped": 0},
    }
    found = pretraining.verdict({"reconstruction": several})
    assert not found.beats and "at a gap of 3, 12 frames:" in found.text
    assert not pretraining.verdict({"reconstruction": {}}).beats
