"""Several prepared datasets read as one."""

import shutil

import numpy as np
import pytest
import tiny_release

from selfme_jax.data import registry
from selfme_jax.data.faces import framing as align
from selfme_jax.data.releases import inspection, prepared
from selfme_jax.data.releases.inspection import Options
from selfme_jax.data.releases.several import Chain
from selfme_jax.types import ClipDataset, UserError


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with tiny casme2 and samm, of 3 and of all classes."""
    root = tmp_path_factory.mktemp("several")
    face = align.Similarity(12, 12, 20, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(align, "find", lambda image, *, detector: face)
        for name in ("casme2", "samm"):
            source = tiny_release.write(name, root / "releases" / name)
            for number in (3, 0):
                prepare(name, source, root / "data" / name, classes=number)
    return root / "data"


def prepare(name, source, data_dir, **options):
    options = Options(**{"size": 16, **options})
    cache = data_dir / "faces.json"
    found = inspection.run(name, str(source), options, cache, tiny_release.quiet)
    prepared.write(name, found, data_dir, options, tiny_release.quiet)


def load(name, root, **options):
    return registry.load(name, {"root": str(root), "allow_partial": True, **options})


def test_both_are_there_in_the_order_named(data):
    both = load("samm+casme2", data)
    assert isinstance(both, ClipDataset)
    alone = [load(name, data / name) for name in ("samm", "casme2")]
    assert both.samples == alone[0].samples + alone[1].samples
    assert len(both.samples) == 7
    np.testing.assert_array_equal(both.clip(6).frames, alone[1].clip(4).frames)
    np.testing.assert_array_equal(both.clip(0).frames, alone[0].clip(0).frames)
    assert [s.aus for s in both.samples][:3] == ["4", "12", "12"]


def test_every_clip_for_action_units(data):
    both = load("casme2+samm", data, classes=0)
    assert both.classes == ("any",) and {s.label for s in both.samples} == {0}
    assert len(both.samples) == len(tiny_release.CASME2) + len(tiny_release.SAMM)
    assert "sadness" in {s.emotion for s in both.samples}
    assert all(sample.aus for sample in both.samples)


@pytest.mark.parametrize(
    ("name", "options", "part"),
    [
        ("casme2+samm+casme2", {}, "names casme2 twice. Name each once."),
        ("casme2+samm", {"classes": 5}, "casme2 and samm have other classes when they"),
        ("casme2+none", {}, "unknown dataset 'none'"),
        ("casme2+smic_hs", {}, "no prepared smic_hs (3 classes) in"),
        ("casme2+samm", {"rot": 1}, "has no option rot"),
    ],
)
def test_what_cannot_be_joined(data, name, options, part):
    with pytest.raises(UserError) as caught:
        load(name, data, **options)
    assert part in str(caught.value)


def test_who_cut_the_faces_out_is_known_if_it_was_one(data, tmp_path):
    assert load("casme2+samm", data).detector == load("samm", data / "samm").detector
    assert load("samm", data / "samm").detector == "mesh"
    source, face = data.parent / "releases" / "samm", align.Similarity(12, 12, 20, 0)
    shutil.copytree(data / "casme2", tmp_path / "casme2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(align, "find", lambda image, *, detector: face)
        prepare("samm", source, tmp_path / "samm", classes=3, detector="haar")
    assert load("samm", tmp_path / "samm").detector == "haar"
    assert load("casme2+samm", tmp_path).detector == ""


def test_faces_of_another_size(data, tmp_path):
    source = data.parent / "releases" / "casme2"
    prepare("casme2", source, tmp_path / "casme2", size=24)
    (tmp_path / "samm").symlink_to(data / "samm")
    with pytest.raises(UserError, match="different sizes: casme2 24x24, samm 16x16"):
        load("casme2+samm", tmp_path)


def test_a_chain_is_its_parts():
    chain = Chain([[1, 2], [], [3], (4, 5)])
    assert list(chain) == [1, 2, 3, 4, 5] and chain[-1] == 5 and len(chain) == 5
    with pytest.raises(IndexError):
        chain[5]
