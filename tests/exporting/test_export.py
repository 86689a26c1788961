"""What is exported says what the run said, in every format, and nothing else loads."""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys

import command
import footage
import jax
import numpy as np
import pytest
from jax import export as jax_export

from selfme_jax import workdir
from selfme_jax.evaluate import predictions
from selfme_jax.inference import bundle
from selfme_jax.run import config
from selfme_jax.run.trained import Made, Trained, restore
from selfme_jax.train import runs, schedule
from selfme_jax.train import variables as names
from selfme_jax.train.checkpoint import Checkpoints
from selfme_jax.types import UserError

PERSON = "synthetic/p001"

# Finds nothing of this package, whatever is installed.
BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("selfme_jax", "flax", "configs"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocker())
sys.argv = sys.argv[1:]
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
assert not [m for m in sys.modules if m.partition(".")[0] == "selfme_jax"]
"""
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def opened(folder):
    """What the command sees of a workdir."""
    run = workdir.open_workdir(folder)
    return Trained(run, config.restored(workdir.read_json(run.config)))


@pytest.fixture(scope="module")
def run(faces):
    return opened(faces)


@pytest.fixture(scope="module")
def fold(run):
    """Of the second seed: run 4 of 6, in the second chunk of checkpoints."""
    return run.fold(PERSON, 1)


@pytest.fixture(scope="module")
def outputs(run, fold):
    """(onset, apex) of that person's clips, and what the model says of them."""
    clips = [run.dataset.clip(i) for i in run.splits[1].test]
    onset = np.stack([c.frames[0] for c in clips])
    apex = np.stack([c.frames[c.apex] for c in clips])
    compiled = jax.jit(fold.apply).lower(fold.variables, onset, apex).compile(QUICK)
    found = compiled(fold.variables, onset, apex)
    return (onset, apex), {k: np.asarray(x) for k, x in found.items()}


@pytest.fixture(scope="module")
def saved(faces, tmp_path_factory):
    """The same fold as safetensors, by the command."""
    place = tmp_path_factory.mktemp("saved")
    ended = command.fork(
        *(f"--workdir={faces}", f"--output={place / 'out'}", "--format=safetensors"),
        *(f"--fold={PERSON}", "--seed=1"),
        folder=place,
        module="selfme_jax.export",
    )
    assert ended.code == 0, ended.err
    assert f"fold {PERSON}, seed 1, as safetensors" in ended.out
    return place / "out"


def test_the_model_says_what_the_run_predicted(faces, outputs):
    rows = predictions.read(faces / "predictions.csv")
    probs = rows.probs[(rows.fold == 1) & (rows.seed == 1)]
    assert np.ptp(probs, axis=0).max() > 0.01  # not the same for every clip
    np.testing.assert_allclose(outputs[1]["probabilities"], probs, atol=2e-4)
    others = rows.probs[(rows.fold == 1) & (rows.seed == 0)]
    assert abs(outputs[1]["probabilities"] - others).max() > 0.01


def test_shapes_and_ranges(outputs):
    found = outputs[1]
    assert {k: x.shape for k, x in found.items()} == {
        "probabilities": (3, 3),
        "flow": (3, 32, 32, 2),
        "onset_keypoints": (3, 2, 3, 2),
        "apex_keypoints": (3, 2, 3, 2),
    }
    assert all(x.dtype == np.float32 for x in found.values())
    np.testing.assert_allclose(found["probabilities"].sum(-1), 1, atol=1e-5)
    assert abs(found["apex_keypoints"]).max() <= 1 and abs(found["flow"]).max() > 0


def test_stablehlo_runs_without_the_package(export, faces, outputs, tmp_path):
    ended = export(
        *(f"--workdir={faces}", f"--output={tmp_path / 'out'}", "--format=stablehlo"),
        *(f"--fold={PERSON}", "--seed=1"),
    )
    assert ended.code == 0, ended.err
    program = jax_export.deserialize(
        bytearray((tmp_path / "out" / "model.stablehlo").read_bytes())
    )
    assert set(program.platforms) == {"cpu", "cuda", "tpu"}
    (onset, apex), found = outputs
    for count in (3, 1):  # any batch
        np.save(tmp_path / "onset.npy", onset[:count])
        np.save(tmp_path / "apex.npy", apex[:count])
        words = [sys.executable, "-I", "-c", BLOCKER, "out/run.py"]
        words += ["onset.npy", "apex.npy", "said.npz"]
        ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        assert len(ended.stdout.splitlines()) == count
        assert ended.stdout.startswith("negative 0.")
        with np.load(tmp_path / "said.npz") as said:
            assert set(said) == set(found)
            for name in said:
                np.testing.assert_allclose(said[name], found[name][:count], atol=1e-5)


def test_the_bundle_runs_itself(export, faces, tmp_path):
    """Usage, self test, pictures and films, what is no frame, identical frames."""
    words = (f"--workdir={faces}", f"--output={tmp_path / 'out'}")
    ended = export(*words, "--format=stablehlo", f"--fold={PERSON}")
    assert ended.code == 0, ended.err
    card = (tmp_path / "out/README.md").read_text()
    assert str(tmp_path) not in card
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert config["description"]["face"]["margin"] == 1.2
    run = [sys.executable, "-I", str(tmp_path / "out/run.py")]

    def said(*words):
        command_line = [*run, *map(str, words)]
        done = subprocess.run(
            command_line, cwd=tmp_path, capture_output=True, text=True
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    usage = said()
    assert usage.returncode == 2 and "run.py CLIP.mp4" in usage.stdout
    assert said("--self_test").returncode == 0
    film = footage.film(12)
    shown = footage.write_video(tmp_path / "film.avi", film)
    footage.write_folder(tmp_path / "still", film)
    pair = (tmp_path / "still/img1.png", tmp_path / "still/img6.png")
    for words in ((shown,), (shown, "--onset=1", "--apex=5"), pair):
        done = said(*words)
        assert done.returncode == 0, done.stderr
        assert "negative 0." in done.stdout
        assert "no expression" not in done.stdout
    assert "no expression" in said(pair[0], pair[0]).stdout
    np.save(tmp_path / "grey.npy", np.zeros((1, 32, 32), np.uint8))
    for words in (
        ("grey.npy", "grey.npy"),
        (shown, "--onset=5", "--apex=5"),
        (shown, "--onset=99"),
        ("nobody.mp4",),
        ("out/run.py", "out/run.py"),
    ):
        done = said(*words)
        assert done.returncode == 2 and done.stderr.startswith("error: "), words


def test_safetensors_are_identical(saved, fold):
    loaded = bundle.load(saved)
    mine, theirs = (names.flatten(m.variables) for m in (loaded, fold))
    assert mine.keys() == theirs.keys() and len(mine) > 50
    for name in mine:
        assert mine[name].dtype == theirs[name].dtype
        np.testing.assert_array_equal(mine[name], theirs[name])
    assert loaded.description == fold.description
    assert hash(loaded.network) == hash(fold.network)  # a jit may keep it as static
    assert loaded.network == fold.network


def test_other_arrays_are_refused_by_a_diff(saved, tmp_path):
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "out"
    shutil.copytree(saved, folder)
    arrays = load_file(folder / bundle.ARRAYS)
    first = "classifier/params/head/logits/bias"
    arrays["classifier/params/stranger"] = arrays.pop(first)
    arrays["motion/params/detect/stem/conv/kernel"] = np.zeros((2, 3), np.float16)
    save_file(arrays, folder / bundle.ARRAYS)
    with pytest.raises(UserError) as caught:
        bundle.load(folder)
    _, *lines, remedy = str(caught.value).splitlines()
    assert lines == [
        f"- {first}: float32 [3]",
        "+ classifier/params/stranger: float32 [3]",
        "- motion/params/detect/stem/conv/kernel: float32 [7, 7, 3, 4]",
        "+ motion/params/detect/stem/conv/kernel: float16 [2, 3]",
    ]
    assert "make it again" in remedy
    save_file({"x": np.zeros(3)}, folder / bundle.ARRAYS)  # another model's
    with pytest.raises(UserError) as caught:
        bundle.load(folder)
    assert len(str(caught.value).splitlines()) == names.SHOWN + 3


def damaged(saved, tmp_path, change):
    folder = tmp_path / "out"
    shutil.copytree(saved, folder)
    change(folder)
    with pytest.raises(UserError) as caught:
        bundle.load(folder)
    return str(caught.value)


def test_damage_is_refused(saved, tmp_path):
    def cut(folder):
        path = folder / bundle.ARRAYS
        path.write_bytes(path.read_bytes()[:-100])

    def flip(folder):
        path = folder / bundle.ARRAYS
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)

    def pickled(folder):
        import pickle

        (folder / bundle.ARRAYS).write_bytes(pickle.dumps({"x": print}))

    def newer(folder):
        path = folder / bundle.CONFIG
        text = path.read_text()
        number = f'_version": {bundle.VERSION}'
        assert number in text
        path.write_text(text.replace(number, '_version": 99'))

    def other(folder):
        path = folder / bundle.CONFIG
        path.write_text(path.read_text().replace("selfme_jax safetensors", "bert"))

    for number, (change, message) in enumerate(
        (
            (cut, "cannot be read"),
            (pickled, "cannot be read"),
            (flip, "changed since the export"),
            (newer, "Install a newer one"),
            (other, "holds bert"),
            (lambda folder: (folder / bundle.CONFIG).unlink(), "no exported model"),
        )
    ):
        (tmp_path / str(number)).mkdir()
        found = damaged(saved, tmp_path / str(number), change)
        assert message in found and len(found.splitlines()) <= 2


def test_card_and_hashes(saved, faces, fold):
    card = (saved / bundle.CARD).read_text()
    results = json.loads((faces / "results.json").read_text())
    files = sorted(p.name for p in saved.iterdir())
    assert files == ["README.md", "SHA256SUMS", "config.json", "model.safetensors"]
    for name in ("config.json", "model.safetensors"):
        digest = hashlib.sha256((saved / name).read_bytes()).hexdigest()
        assert f"| {name} | {digest} |" in card
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=saved, check=True)
    assert checked.returncode == 0
    for part in (
        f"**Fold {PERSON}**, seed 1: trained without that person",
        " of 3 right",
        "motion_scope per_fold (the motion network of a fold never saw its test",
        f"| UF1 | {results['uf1']:.3f} | {results['ci95']['uf1'][0]:.3f} to ",
        "- synthetic: 9 clips (",
        "Synthetic faces: this says nothing about real ones.",
        "uint8 [b, 32, 32, 3] RGB",
        f"jax {jax.__version__}",
        results["provenance"]["manifest_sha256"],
    ):
        assert part in card, part
    origin = json.loads((saved / bundle.CONFIG).read_text())["origin"]
    assert (origin["held_out"], origin["seed"], origin["refit"]) == (PERSON, 1, False)


def test_refit_is_on_everybody_and_resumes(export, faces, run, tmp_path):
    flags = (f"--workdir={faces}", "--format=safetensors", "--refit")
    ended = export(*flags, f"--output={tmp_path / 'out'}")
    assert ended.code == 0, ended.err
    made = bundle.load(tmp_path / "out")
    card = (tmp_path / "out" / bundle.CARD).read_text()
    assert "No score of this\nvery model exists" in card and "This refit met" in card
    assert "all 9 clips of all 3 subjects, seed 0" in card
    for fold in range(3):  # another network than any fold's
        other = run.motion(fold, 0, made.template()["motion"])
        pairs = zip(
            *map(jax.tree.leaves, (other, made.variables["motion"])), strict=True
        )
        assert max(abs(a - b).max() for a, b in pairs) > 1e-5
    ended = export(*flags, f"--output={tmp_path / 'again'}")
    assert ended.code == 0 and "motion 100%  chunk 1: kept" in ended.out
    again = bundle.load(tmp_path / "again")
    jax.tree.map(np.testing.assert_array_equal, again.variables, made.variables)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fold=synthetic/p001", "--refit"), "--fold=PERSON"),
        ((), "--refit (trained once more, on everybody)"),
        (("--fold=synthetic/nobody",), "There are synthetic/p000, synthetic/p001"),
        (("--fold=synthetic/p001", "--seed=7"), "--seed=7: the run has 0, 1."),
        (("--fold=synthetic/p001", "--format=pickle"), "stablehlo|safetensors|onnx"),
        (("--refit", "--workdir=nowhere"), "nowhere holds no run"),
        (("--refit", "--output=configs"), "configs is not empty"),
    ],
)
def test_what_is_refused(arguments, message, export, faces, tmp_path):
    usual = (f"--workdir={faces}", f"--output={tmp_path / 'out'}")
    ended = export(*usual, *arguments)
    assert ended.code == 2 and message in ended.err
    assert len(ended.err.splitlines()) <= 2
    assert not list(tmp_path.glob("out*"))


def test_what_the_run_did_otherwise_is_refused(faces):
    """A classifier whose inputs are not those that the description gives."""
    run = opened(faces)
    prepare = run.method.prepare
    run.method = run.method._replace(prepare=lambda flow: prepare(flow) / 255)
    with pytest.raises(UserError, match="on other inputs"):
        run.empty()
    run.method = run.method._replace(prepare=prepare)
    run.empty()
    module = run.method.module.clone(row_fraction=0.25)
    run.method = run.method._replace(module=module)
    with pytest.raises(UserError, match="export does not know these"):
        run.empty()


DEPENDS = {"config": {"rate": 0.1}, "inputs": "a" * 64}


def trained(count, steps, depends=DEPENDS):
    """How so many runs of a stage were made."""
    return Made("toy", steps, *runs.of_all(range(count), 3, "toy"), depends)


def save(folder, made, sizes, trees):
    """Checkpoints of chunks of so many runs."""
    parts = schedule.split(made.runs, made.names, sizes, 1)
    for part, tree in zip(parts, trees, strict=True):
        options = {"stage": made.stage, "steps": made.steps, "depends": made.depends}
        place = folder / f"{part.number:04d}"
        with Checkpoints(place, schedule.made_from(part, **options)) as chunk:
            chunk.save(made.steps, {"params": tree})


def test_foreign_checkpoints_are_refused_by_a_diff(run, tmp_path):
    made = trained(2, 2)
    save(tmp_path, made, (2,), [{"bert": np.zeros((2, 3), np.float32)}])
    options = {"run": 0, "template": run.empty().template()["classifier"]}
    with pytest.raises(UserError) as caught:
        restore(tmp_path, made=made, **options)
    assert "+ params/bert: float32 [2, 3]" in str(caught.value)
    assert "- params/embed/patch/bias: float32 [2, 8]" in str(caught.value)
    with pytest.raises(UserError, match="not of 3"):
        restore(tmp_path, made=trained(3, 2), **options)
    with pytest.raises(UserError, match="not trained to its end"):
        restore(tmp_path, made=trained(2, 3), **options)
    with pytest.raises(UserError, match=r"something else \(config.rate: 0.1 -> 0.5"):
        other = {**DEPENDS, "config": {"rate": 0.5}}
        restore(tmp_path, made=trained(2, 2, other), **options)
    for path in (tmp_path / "0000" / "2").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\x80\x04damage")
    with pytest.raises(UserError, match=r"cannot read|no checkpoint that can be read"):
        restore(tmp_path, made=made, **options)


@pytest.mark.parametrize(
    ("sizes", "written"), [((2, 1), True), ((2, 1), False), ((1, 2), True)]
)
def test_each_run_is_found_in_its_chunk(tmp_path, sizes, written):
    """Sizes of chunks as they were written down, or all alike."""
    made, values = trained(3, 4), np.split(np.arange(3, dtype=np.float32), sizes[:1])
    save(tmp_path, made, sizes, [{"w": own} for own in values])
    if written:
        (tmp_path / "chunks.json").write_text(json.dumps(sizes))
    template = {"params": {"w": np.float32(0)}}
    for run in range(3):
        found = restore(tmp_path, made=made, run=run, template=template)
        assert found["params"]["w"] == run


def test_chunks_that_changed_places_are_refused(tmp_path):
    """Else a fold would be given the network that was trained on whom it holds out."""
    made, values = trained(2, 4), np.arange(2, dtype=np.float32)
    save(tmp_path, made, (1, 1), [{"w": own[None]} for own in values])
    for number, name in (("0000", "aside"), ("0001", "0000"), ("aside", "0001")):
        (tmp_path / number).rename(tmp_path / name)
    with pytest.raises(UserError, match="something else .runs: "):
        template = {"params": {"w": np.float32(0)}}
        restore(tmp_path, made=made, run=0, template=template)


def test_other_predictions_than_those_of_the_run_are_refused(images, tmp_path):
    """Its card would tell of them."""
    copy = shutil.copytree(images, tmp_path / "copy")
    path = copy / "predictions.csv"
    path.write_text(path.read_text().replace(",0.", ",0.0", 1))
    with pytest.raises(UserError, match="not what the stage classifier wrote"):
        opened(copy)


def test_flow_images_are_exported_as_such(export, images, tmp_path):
    run = opened(images)
    ended = export(
        *(f"--workdir={images}", f"--output={tmp_path / 'out'}", "--fold=toy/p2"),
    )
    assert ended.code == 0, ended.err
    assert "`flow`: float32 [b, 28, 28, 3]" in (tmp_path / "out/README.md").read_text()
    data = bytearray((tmp_path / "out" / "model.stablehlo").read_bytes())
    said = jax_export.deserialize(data).call(run.dataset.images[run.splits[2].test])
    rows = predictions.read(images / "predictions.csv")
    probs = rows.probs[(rows.fold == 2) & (rows.seed == 0)]
    np.testing.assert_allclose(said["probabilities"], probs, atol=1e-4)


def blocks(kind):
    """Code blocks of docs/export.md."""
    text = (command.ROOT / "docs" / "export.md").read_text()
    parts = text.split(f"```{kind}\n")[1:]
    return [part.split("```")[0] for part in parts]


def test_every_command_of_the_documentation_runs(
    export, faces, outputs, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exported").mkdir()
    onset, apex = outputs[0]
    np.save("exported/onset.npy", onset)
    np.save("exported/apex.npy", apex)
    ran = []
    for block in blocks("bash"):
        lines = block.replace("\\\n", " ").splitlines()
        if not lines[0].startswith("python -m selfme_jax.export"):
            script = block.replace("python ", f"{sys.executable} ")
            subprocess.run(["bash", "-e", "-c", script], check=True)
            ran += lines
            continue
        (line,) = lines
        if "--format=onnx" in line and not importlib.util.find_spec("onnx"):
            continue
        words = line.replace("runs/synthetic", str(faces)).split()[3:]
        words = [w.replace("exported/", f"{tmp_path}/exported/") for w in words]
        ended = export(*words)
        assert ended.code == 0, ended.err
        ran.append(line)
    assert len(ran) >= 5
    names = {"onset": onset, "apex": apex}
    first, second = blocks("python")
    exec(first, names)
    assert names["outputs"]["probabilities"].shape == (3, 3)
    if (tmp_path / "exported" / "onnx").exists():
        exec(second, names)
        assert names["found"][0].shape == (3, 3)
