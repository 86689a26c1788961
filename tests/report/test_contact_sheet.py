import warnings

import cv2
import numpy as np
import pytest

from selfme_jax.report import contact_sheet


@pytest.mark.parametrize(("count", "size"), [(1, (600, 240)), (5, (1200, 720))])
def test_every_image_is_there_in_its_place(tmp_path, count, size):
    colours = np.random.default_rng(0).integers(0, 200, (count, 3, 3))
    strips = {
        f"clip {i}": [np.full((8, 8, 3), c, np.uint8) for c in row]
        for i, row in enumerate(colours)
    }
    contact_sheet.save(strips, tmp_path / "sheet.png")
    sheet = cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1]
    assert sheet.shape[1::-1] == size
    places = []
    for colour in colours.reshape(-1, 3):
        rows, columns = np.nonzero((np.abs(sheet - colour) <= 1).all(-1))
        assert len(rows) > 150**2
        places.append((rows.mean(), columns.mean()))
    grid = np.array(places).reshape(count, 3, 2)
    assert (np.diff(grid[..., 1], axis=1) > 150).all()  # left to right
    np.testing.assert_allclose(np.diff(grid[..., 0], axis=1), 0, atol=1)
    # two strips a row
    assert all((grid[i, :, 1] > 600).all() for i in range(1, count, 2))
    assert all(np.diff(grid[::2, 0, 0]) > 150)


def test_captions_are_no_formulas_and_cause_no_alarm(tmp_path):
    image = np.zeros((4, 4, 3), np.uint8)
    names = "price $x^$", "映像", "a/very/long/" + "x" * 60 + "/end.mp4"
    strips = {name: [image] * 3 for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        contact_sheet.save(strips, tmp_path / "sheet.png")
    drawn = contact_sheet.draw(strips)
    captions = [a.get_title(loc="left") for a in drawn.axes if a.get_title(loc="left")]
    assert captions[:2] == list(names[:2])
    assert captions[2].startswith("...") and captions[2].endswith("x/end.mp4")
    assert len(captions[2]) == 40
