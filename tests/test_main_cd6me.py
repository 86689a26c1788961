"""CD6ME by commands, on a few clips of imitations of all six datasets."""

import json
import types

import command
import pytest
import tiny_release

from selfme_jax.data.releases import imitation, inspection, listing, prepared, registry
from selfme_jax.data.releases.inspection import Options
from selfme_jax.evaluate import predictions

SIX = [part.name for part in registry.parts("cd6me")]
PEOPLE, CLIPS = 2, 3  # of each dataset


def some(folder, release, **options):
    """A few clips of a few people of a release."""
    entries = listing.read(folder, release, **options)
    people = list(dict.fromkeys(entry.subject for entry in entries))[:PEOPLE]
    kept = []
    for person in people:
        kept += [entry for entry in entries if entry.subject == person][:CLIPS]
    return kept


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data_dir of all six, prepared from imitations with most clips missing."""
    root = tmp_path_factory.mktemp("six")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imitation, "listing", types.SimpleNamespace(read=some))
        for name in SIX:
            look = imitation.Look(size=28, frames=3)
            imitation.write(name, root / "release" / name, number=0, look=look)
    options = Options(classes=0, size=28, detector="frame", frames="ends")
    cache, quiet = root / "faces.json", tiny_release.quiet
    source = str(root / "release")
    found = inspection.run("cd6me", source, options, cache, quiet)
    assert len(found.usable) == len(SIX) * PEOPLE * CLIPS, found.unusable
    prepared.write("cd6me", found, root / "data", options, quiet)
    return root / "data"


@pytest.mark.parametrize("names", [SIX, ["casme2", "mmew", "samm"]])
def test_each_dataset_by_what_the_others_trained(names, data, tmp_path):
    """All six, and some of them: the others are left out by --config.data.name."""
    extra = ["--config.seeds=2", "--config.bootstrap=50"]
    if names != SIX:
        for name in names:  # each prepared by itself
            alone(name, data.parent / "release" / name, tmp_path / "some" / name)
        extra.append(f"--config.data.name={'+'.join(names)}")
    ended = command.fork(
        "--config=configs/cd6me.py",
        f"--config.data.root={data if names == SIX else tmp_path / 'some'}",
        "--config.data.allow_partial=True",
        "--config.method=vit",
        "--config.input=apex",  # nothing to be computed first
        *extra,
        *(flag.replace("scvit", "vit") for flag in command.TINY),
        "--config.vit.train.steps=2",
        f"--workdir={tmp_path / 'run'}",
        folder=tmp_path,
    )
    assert ended.code == 0, ended.err
    assert f"{len(names)} folds x 2 seed(s)" in ended.out.splitlines()[0]
    rows = predictions.read(tmp_path / "run" / "predictions.csv")
    assert len(rows.seed) == 2 * len(names) * PEOPLE * CLIPS
    pairs = set(zip(rows.fold.tolist(), rows.dataset.tolist(), strict=True))
    assert pairs == set(enumerate(sorted(names)))
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    assert found["protocol"]["name"].startswith("leave one dataset out")
    assert (
        found["protocol"]["imitation"]
        and "of 255 clips" in found["protocol"]["partial"]
    )
    assert set(found["units"]) == {
        "1",
        "2",
        *map(str, (4, 5, 6, 7, 9, 10, 12, 14, 15, 17)),
    }
    assert set(found["datasets"]) <= set(names)
    assert all(0 <= own["f1"] <= 1 for own in found["aus"].values())


def alone(name, source, place):
    options = Options(classes=0, size=28, detector="frame", frames="ends")
    cache = source.parent / f"{name}.json"
    found = inspection.run(name, str(source), options, cache, tiny_release.quiet)
    prepared.write(name, found, place, options, tiny_release.quiet)
