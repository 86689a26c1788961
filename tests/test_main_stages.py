"""The command on its other inputs: procedural faces, and published weights."""

import csv
import json

import command
import numpy as np
from sklearn import metrics

# The smallest motion network: what a run costs is compiling it.
SMALL_MOTION = (
    "--config.synthetic.subjects=3",
    "--config.synthetic.clips_per_subject=3",
    "--config.synthetic.size=32",
    "--config.synthetic.frames=4",
    "--config.motion.network.groups=2",
    "--config.motion.network.points=3",
    "--config.motion.network.cells=(2,2)",
    "--config.motion.network.keypoint_width=4",
    "--config.motion.network.keypoint_blocks=(1,)",
    "--config.motion.network.dense_width=4",
    "--config.motion.network.dense_depth=1",
    "--config.motion.network.refinement=0",
    "--config.motion.network.generator_width=4",
    "--config.motion.network.generator_down=1",
    "--config.motion.train.steps=2",
    "--config.motion.train.batch_size=2",
    "--config.scvit.model.width=8",
    "--config.scvit.model.heads=2",
    "--config.scvit.train.epochs=0",
    "--config.scvit.train.steps=2",
    "--config.scvit.train.batch_size=8",
    "--config.seeds=1",
    "--config.bootstrap=50",
)


def test_synthetic_faces_through_all_stages(tmp_path):
    folder = tmp_path / "run"
    ended = command.run(
        "--config=configs/synthetic.py",
        *SMALL_MOTION,
        "--config.flow.scale=0.001",
        f"--workdir={folder}",
        JAX_DISABLE_MOST_OPTIMIZATIONS="1",  # compiles three times as fast
    )
    assert ended.code == 0, ended.err
    assert ended.out.startswith("synthetic: 9 clips (")
    assert "scvit on learned motion" in ended.out
    assert "note: the classifier reads motion with a deviation of" in ended.out
    flow = np.load(folder / "flow.npy")
    assert flow.shape == (3, 9, 28, 28, 3) and np.isfinite(flow).all()
    # A network per fold: each reads another motion from the same clip.
    assert all(abs(flow[a] - flow[b]).max() > 1e-4 for a, b in ((0, 1), (1, 2)))
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    stages = [json.loads(line)["stage"] for line in lines]
    assert stages == ["motion"] * 3 * 2 + ["classifier"] * 2  # a row a step
    assert (folder / "figures" / "motion.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 5
    results = json.loads((folder / "results.json").read_text())
    assert results["protocol"]["motion_scope"] == "per_fold"
    assert results["n"] == 9 and results["subjects"] == 3


def test_published_weights_score_as_published(shared_data, tmp_path):
    """STSTNet by its authors' fold weights, on both data sets at once."""
    folder = tmp_path / "run"
    ended = command.run(
        command.CONFIG,
        f"--config.data.root={shared_data / 'flow28'}",
        f"--config.ststnet.weights={shared_data / 'ststnet' / 'weights.npz'}",
        "--config.bootstrap=200",
        f"--workdir={folder}",
        OPENBLAS_NUM_THREADS="1",  # the linear floor is small: threads slow it down
    )
    assert ended.code == 0, ended.err
    assert "scored 40 published folds" in ended.out
    with (folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    published = np.load(shared_data / "ststnet" / "logits.npz")
    keys = zip(published["subject"], published["sample"], strict=True)
    logits = dict(zip(keys, published["logits"], strict=True))
    assert len(rows) == len(logits) == 309
    for row in rows:
        logit = logits[row["subject"], row["sample"]].astype(float)
        probs = [float(row[f"prob_{name}"]) for name in command.CLASSES]
        assert int(row["pred"]) == logit.argmax()
        # Logits within 1e-3: so are log probabilities, up to a common constant.
        ours = np.log(np.maximum(probs, 1e-30))
        possible = ours > -60
        shift = (logit - ours)[possible]
        assert np.ptp(shift) < 2e-3
    results = json.loads((folder / "results.json").read_text())
    assert results["protocol"]["epoch_rule"].startswith("published weights")
    for dataset, uf1, uar in (("casme2", 0.8304, 0.8304), ("smic", 0.6871, 0.6876)):
        own = [r for r in rows if r["dataset"] == dataset]
        truth, pred = ([int(r[key]) for r in own] for key in ("label", "pred"))
        assert round(metrics.f1_score(truth, pred, average="macro"), 4) == uf1
        assert round(metrics.recall_score(truth, pred, average="macro"), 4) == uar
        scores = results["datasets"][dataset]
        assert (round(scores["uf1"], 4), round(scores["uar"], 4)) == (uf1, uar)
