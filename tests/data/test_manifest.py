"""manifest.csv: round trip, digest, protocol counts."""

import csv
import hashlib

import numpy as np
import pytest

from selfme_jax.data import manifest, protocol, registry
from selfme_jax.types import Sample, UserError

SAMPLES = (
    Sample("casme2", "sub01", "EP02_01f", 1, "happiness", "ab" * 32),
    Sample("mine", 'ü, "x"', "1", 2),
    Sample("samm", "006", "006_1_2", 0, "", "0" * 64),
)


def test_round_trip(tmp_path):
    path = tmp_path / "manifest.csv"
    manifest.write(path, SAMPLES)
    assert manifest.read(path) == SAMPLES
    assert list(tmp_path.iterdir()) == [path]


def test_columns(tmp_path):
    manifest.write(tmp_path / "m.csv", SAMPLES)
    with (tmp_path / "m.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "dataset": "casme2",
        "subject": "sub01",
        "sample": "EP02_01f",
        "label": "positive",
        "emotion": "happiness",
        "sha256": "ab" * 32,
        "apex_source": "",
    }


def test_action_units_are_a_column_where_there_are_any(tmp_path):
    annotated = (SAMPLES[0]._replace(aus="4+L12B?"), *SAMPLES[1:])
    manifest.write(tmp_path / "m.csv", annotated)
    assert manifest.read(tmp_path / "m.csv") == annotated
    first, *_ = (tmp_path / "m.csv").read_text().splitlines()
    assert first == ",".join((*manifest.COLUMNS, "aus"))
    manifest.write(tmp_path / "old.csv", SAMPLES)
    old = (tmp_path / "old.csv").read_text()
    assert old.splitlines()[0] == ",".join(manifest.COLUMNS)
    assert all(sample.aus == "" for sample in manifest.read(tmp_path / "old.csv"))


def test_digest_is_that_of_the_file(tmp_path):
    path = tmp_path / "manifest.csv"
    manifest.write(path, SAMPLES)
    assert manifest.digest(SAMPLES) == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("field", Sample._fields)
def test_digest_sees_every_field(field):
    first = SAMPLES[0]._replace(**{field: 0 if field == "label" else "x"})
    assert manifest.digest((first, *SAMPLES[1:])) != manifest.digest(SAMPLES)


def test_other_classes(tmp_path):
    classes = ("anger", "contempt", "joy")
    manifest.write(tmp_path / "m.csv", SAMPLES, classes=classes)
    assert manifest.read(tmp_path / "m.csv", classes=classes) == SAMPLES
    with pytest.raises(UserError, match="unknown label 'contempt'"):
        manifest.read(tmp_path / "m.csv")


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*No such file"):
        manifest.read(tmp_path / "none.csv")


@pytest.mark.parametrize("other", [(6, 4), "dtype", "value"])
def test_content_hash_sees_shape_dtype_and_values(other):
    array = np.arange(24, dtype=np.float32).reshape(4, 6)
    changed = {
        (6, 4): array.reshape(6, 4),
        "dtype": array.view(np.int32),
        "value": array + np.eye(4, 6, dtype=np.float32),
    }[other]
    assert manifest.content_sha256(array) != manifest.content_sha256(changed)


def test_content_hash_is_free_of_memory_layout():
    array = np.arange(24, dtype=np.float32).reshape(4, 6)
    strided = np.asfortranarray(array)
    assert manifest.content_sha256(array) == manifest.content_sha256(strided)


def known(dataset: str, moved: int = 0) -> list[Sample]:
    """As many samples as the protocol has; ``moved`` of them with another label."""
    subjects, clips = protocol.COUNTS[dataset]
    labels = np.repeat([0, 1, 2], clips)
    labels[:moved] = 1
    return [
        Sample(dataset, f"p{i % subjects}", str(i), int(label))
        for i, label in enumerate(labels)
    ]


def test_counts_of_the_protocol():
    """The published totals of the composite (DATASETS: 442 clips, 68 subjects)."""
    everything = [s for name in protocol.COUNTS for s in known(name)]
    assert len(everything) == 442
    assert len({s.person for s in everything}) == 68
    assert np.bincount([s.label for s in everything]).tolist() == [250, 109, 83]
    protocol.check_counts(everything, remedy="")


@pytest.mark.parametrize("dataset", protocol.COUNTS)
def test_a_wrong_label_or_person_is_found(dataset):
    with pytest.raises(UserError, match="Do this"):
        protocol.check_counts(known(dataset, moved=1), remedy="Do this.")
    samples = known(dataset)
    one_more = [samples[0]._replace(subject="p999"), *samples[1:]]
    with pytest.raises(UserError, match=f"of {protocol.COUNTS[dataset][0]} subjects"):
        protocol.check_counts(one_more, remedy="")


def test_registry_names_what_it_knows():
    with pytest.raises(UserError, match=r"'casme9'\. Known: .*flow_images.*synthetic"):
        registry.load("casme9", {})
    with pytest.raises(UserError, match=r"no option rot\. Known: root, datasets"):
        registry.load("flow_images", {"rot": "x"})


def test_registry_loads():
    data = registry.load("synthetic", {"subjects": 2, "clips_per_subject": 3})
    assert len(data.samples) == 6


def test_shuffled_labels_are_dealt_out_anew_within_each_dataset():
    samples = [
        Sample(name, f"s{i}", "c", (i // 3) % 3, aus=f"{i // 3 % 3 + 1}+{i % 2 + 9}")
        for name, count in (("casme2", 30), ("smic", 18))
        for i in range(count)
    ]
    got = protocol.shuffle_labels(samples, 0)
    assert got == protocol.shuffle_labels(samples, 0)
    assert got != protocol.shuffle_labels(samples, 1)
    bare, dealt = ([s._replace(label=0, aus="") for s in x] for x in (samples, got))
    assert bare == dealt
    for name in ("casme2", "smic"):  # label and action units stay together
        before, after = (
            sorted((s.label, s.aus) for s in part if s.dataset == name)
            for part in (samples, got)
        )
        assert before == after
    for name in ("casme2", "smic"):
        before, after = (
            [s.label for s in part if s.dataset == name] for part in (samples, got)
        )
        assert sorted(before) == sorted(after)
        assert sum(a != b for a, b in zip(before, after, strict=True)) > len(before) / 3
