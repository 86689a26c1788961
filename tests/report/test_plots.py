import warnings

import cv2
import numpy as np
import pytest

from selfme_jax.report import mistakes, plots
from selfme_jax.targets import facs


def decode(data: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def words(drawn) -> str:
    """All text of a figure that is drawn in it."""
    import matplotlib.text

    return "\n".join(t.get_text() for t in drawn.findobj(matplotlib.text.Text))


def test_confusion_shows_counts_and_shares(results):
    results["confusion"] = [[7.5, 2.5, 0], [1, 3, 0], [0, 0, 0]]
    drawn = mistakes.confusion(results)
    text = words(drawn)
    assert "7.5\n75 %" in text and "1\n25 %" in text and "0\n0 %" in text
    for title in ("all (n = 72)", "casme2 (n = 40)", "smic (n = 32)"):
        assert title in text
    del results["datasets"]["smic"]
    assert "all" not in words(mistakes.confusion(results))


def test_scores_show_run_vote_and_floors(results):
    text = words(plots.scores(results))
    for value in (results["uf1"], results["ensemble"]["uar"]):
        assert f"{value:.3f}" in text
    for name, floor in results["floors"].items():
        assert f"floor: {name}" in text and f"{floor['uf1']:.3f}" in text


def test_subjects_count_clips_and_errors(rows):
    drawn = mistakes.subjects(rows)
    first, second = drawn.axes
    clips = [bar.get_height() for bar in first.containers[0]]
    wrong = [bar.get_height() for bar in first.containers[1]]
    assert clips == [8] * 5 and len(second.containers[0]) == 4
    for p, height in enumerate(wrong):
        own = (rows.dataset == "casme2") & (rows.subject == f"sub<{p}>")
        assert height == pytest.approx((rows.pred != rows.label)[own].sum() / 3)


def test_curves_average_chunks_and_leave_out_times():
    table = [
        {"stage": s, "chunk": c, "step": i, "seconds": 9.0, "loss": 10 * i + c}
        for s in ("classifier", "motion")
        for c in (0, 2)
        for i in (1, 2, 3)
    ]
    drawn = plots.curves(table)
    titles = [axis.get_title() for axis in drawn.axes if axis.get_title()]
    assert titles == ["motion: loss", "classifier: loss"]
    mean = drawn.axes[0].lines[-1]
    np.testing.assert_allclose(mean.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(mean.get_ydata(), [11, 21, 31])


def test_saved_files_are_the_bytes_and_repeatable(results, tmp_path):
    images = plots.save({"scores": plots.scores(results)}, tmp_path / "figures")
    (path,) = (tmp_path / "figures").iterdir()
    assert path.name == "scores.png" and path.read_bytes() == images["scores"]
    assert images["scores"] == plots.png(plots.scores(results))
    image = decode(images["scores"])
    assert image.shape[1] == pytest.approx(plots.WIDTH * plots.DPI, abs=2)
    assert (image != 255).any()


def test_units_show_their_scores_and_floors(unit_results):
    drawn = plots.units(unit_results)
    first, second = drawn.axes
    labels = [t.get_text() for t in first.get_yticklabels()]
    own = unit_results["aus"]
    assert labels == [
        f"{facs.name(unit)} ({score['n']})" for unit, score in own.items()
    ]
    assert labels[1].startswith("AU 4, brow lowerer (")
    linear = unit_results["floors"]["linear"]["aus"]
    for axis, key in ((first, "f1"), (second, "auc")):
        lines = [tuple(np.ravel(line.get_xdata())) for line in axis.lines]
        for unit, score in own.items():
            assert tuple(score["ci95"][key]) in lines
            assert (score[key],) in lines and (linear[unit][key],) in lines


def test_subjects_of_units_count_what_is_missed_and_what_is_not_there(unit_rows):
    drawn = mistakes.subjects(unit_rows)
    shown, missed, alarms = (
        [bar.get_height() for bar in bars] for bars in drawn.axes[0].containers
    )
    for p in range(5):
        own = (unit_rows.dataset == "casme2") & (unit_rows.subject == f"sub<{p}>")
        label, likely = unit_rows.label[own], unit_rows.probs[own] >= 0.5
        assert shown[p] == pytest.approx(label.sum() / 3)
        assert missed[p] == pytest.approx(((label == 1) & ~likely).sum() / 3)
        assert -alarms[p] == pytest.approx(((label == 0) & likely).sum() / 3)


NAMES = ("$\\frac{$", "a\nb\x00", "映像", "x" * 10_000, "_^{}%&#")


@pytest.mark.parametrize("several", [False, True])
def test_any_name_can_be_drawn(rows, results, unit_rows, unit_results, several):
    rows, found = (unit_rows, unit_results) if several else (rows, results)
    people = np.unique(rows.subject)
    names = dict(zip(people, (f"{i}{n}" for i, n in enumerate(NAMES)), strict=False))
    rows = rows._replace(
        subject=np.array([names.get(s, s) for s in rows.subject]),
        dataset=np.array([{"smic": "$\\bad$"}.get(d, d) for d in rows.dataset]),
    )
    found["datasets"]["$\\bad$"] = found["datasets"].pop("smic")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = plots.png(mistakes.subjects(rows))
        if not several:
            plots.png(mistakes.confusion(found))
    assert decode(data).shape[0] < 2000
    assert "$\\bad$" in words(mistakes.subjects(rows))


def test_many_people_keep_their_names_apart(rows):
    many = rows._replace(
        subject=np.array([f"s{i // 2}" for i in range(len(rows.seed))])
    )
    many = many._replace(
        seed=0 * many.seed, sample=np.arange(len(many.seed)).astype(str)
    )
    axis = mistakes.subjects(many).axes[0]
    labels = axis.get_xticklabels()
    size = labels[0].get_fontsize()
    assert len(labels) * size <= 72 * plots.WIDTH and size > 0
