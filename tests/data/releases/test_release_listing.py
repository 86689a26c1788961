"""The clips of the protocols, by the sheets; imitations of the releases hold them."""

import csv
from collections import Counter

import numpy as np
import openpyxl
import pytest
import tiny_release

from selfme_jax.data import protocol
from selfme_jax.data.faces import framing as align
from selfme_jax.data.releases import (
    casme2,
    imitation,
    layout,
    listing,
    registry,
    samm,
    smic_hs,
)
from selfme_jax.data.releases.imitation import Look
from selfme_jax.run import verification
from selfme_jax.types import UserError

NAMES = ("casme2", "smic_hs", "samm")


@pytest.fixture(scope="module")
def sheets(tmp_path_factory):
    """A folder of each imitated sheet, without frames."""
    places = {}
    for name in NAMES:
        places[name] = tmp_path_factory.mktemp(name)
        imitation.write_sheet(registry.RELEASES[name], places[name])
    return places


def entries(sheets, name, number=3):
    return listing.read(sheets[name], registry.RELEASES[name], number=number)


def rows(folder):
    (path,) = folder.glob("*.xlsx")
    return list(openpyxl.load_workbook(path).active.iter_rows(values_only=True))


@pytest.mark.parametrize(
    ("name", "number", "count", "people"),
    [
        ("casme2", 3, 145, 24),
        ("casme2", 5, 246, 26),
        ("smic_hs", 3, 164, 16),
        ("samm", 3, 133, 28),
        ("samm", 5, 136, None),
    ],
)
def test_counts_of_the_protocols(sheets, name, number, count, people):
    found = entries(sheets, name, number)
    assert len(found) == count == registry.total(name, number)
    assert len({entry.key for entry in found}) == count
    assert people in (None, len({entry.subject for entry in found}))
    labels = {entry.label for entry in found}
    assert labels == set(range(len(registry.classes(name, number))))
    if number == 3:
        dataset = found[0].dataset
        assert protocol.count(found, dataset) == protocol.COUNTS[dataset]


@pytest.mark.parametrize(
    ("name", "number", "words"),
    [
        ("smic_hs", 5, "smic_hs has no protocol of 5 classes. Use 3."),
        (
            "samm",
            4,
            "samm has no protocol of 4 classes. Use 3, 5 or 8; 0 takes every clip.",
        ),
        ("megc2019", 5, "megc2019 has no protocol of 5 classes. Use 3."),
    ],
)
def test_no_such_protocol(name, number, words):
    with pytest.raises(UserError) as caught:
        registry.classes(name, number)
    assert str(caught.value) == words


def test_casme2_without_an_apex_of_its_own_is_in_five_classes_alone(sheets):
    three = {entry.key for entry in entries(sheets, "casme2")}
    five = {entry.key: entry for entry in entries(sheets, "casme2", 5)}
    gone = {("sub04", "EP12_01f"), ("sub05", "EP09_05f")}
    assert not gone & three and gone <= five.keys()
    assert five["sub04", "EP12_01f"].apex is None
    same = five["sub05", "EP09_05f"]
    assert same.apex == same.onset is not None
    left = {key for key, entry in five.items() if entry.emotion != "others"}
    assert left - three == gone and three <= left


def test_casme2_cells(sheets):
    found = {entry.key: entry for entry in entries(sheets, "casme2")}
    odd = {(f"sub{who:02d}", name) for who, name in casme2.ODD}
    assert odd <= found.keys()
    assert sum(entry.apex == entry.offset for entry in found.values()) == 2
    assert {entry.aus for entry in found.values()} == {"12", "4+L7?", "R12+14", "4"}
    numbers = [(e.onset, e.apex, e.offset) for e in found.values()]
    assert all(onset < apex <= offset for onset, apex, offset in numbers)
    cells = {type(row[0]) for row in rows(sheets["casme2"])[1:]}
    assert cells == {int, str}
    assert all(entry.fps == 200 for entry in found.values())


def test_smic_needs_no_sheet(sheets, tmp_path):
    listed = {row[1] for row in rows(sheets["smic_hs"])[1:]}
    found = {entry.sample: entry for entry in entries(sheets, "smic_hs")}
    assert len(listed) == 157
    assert not listed & set(smic_hs.LEFT_OUT)
    shown = {row[1]: row[-1] for row in rows(sheets["smic_hs"])}
    assert shown["s18_sur_03"] == "negative"
    assert found["s18_sur_03"].emotion == "surprise" and found["s18_sur_03"].label == 2
    assert found["s01_ne_02"].label == 0 and found["s20_po_03"].label == 1
    assert {(e.onset, e.apex, e.offset) for e in found.values()} == {(None,) * 3}
    assert listing.read(tmp_path, smic_hs.RELEASE, number=3) == list(found.values())


def test_samm_header_and_apexes(sheets):
    table = rows(sheets["samm"])
    assert table[13][0] == "Subject" and table[12][0] is None
    found = {entry.sample: entry for entry in entries(sheets, "samm")}
    beyond = [name for name, e in found.items() if e.apex > e.offset]
    assert sorted(beyond) == sorted(samm.BAD_APEX)
    assert all(e.subject == e.sample[:3] for e in found.values())
    words = Counter(entry.emotion for entry in found.values())
    assert words["anger"] == 57 and "other" not in words
    assert Counter(e.emotion for e in entries(sheets, "samm", 5))["other"] == 26


@pytest.mark.parametrize("name", NAMES)
def test_an_imitation_holds_all_clips(name, tmp_path_factory, monkeypatch, capfd):
    root = tmp_path_factory.mktemp("imitation") / name
    found = align.Similarity(24, 24, 32, 0)
    monkeypatch.setattr(align, "find", lambda image, *, detector: found)
    told = []
    tell = lambda *what: told.append(what)  # noqa: E731
    count = imitation.write(name, root, look=Look(size=32, frames=4), tell=tell)
    assert not capfd.readouterr().err
    assert count == len(told) == registry.total(name, 3)
    assert told[-1][:3] == ("imitating clips", count, count)
    clips = tiny_release.look(name, root, root.parent / "faces.json")
    dataset = clips.entries[0].dataset
    assert not clips.unusable and not clips.duplicates
    entries = [clip.entry for clip in clips.usable]
    assert protocol.count(entries, dataset) == protocol.COUNTS[dataset]
    sources = Counter(clip.apex_source for clip in clips.usable)
    assert (
        sources
        == {
            "casme2": {"annotated": 145},
            "smic_hs": {"motion": 164},
            "samm": {"annotated": 131, "motion": 2},
        }[name]
    )
    odd = {line.split()[1] for line in tiny_release.lines(clips)}
    bad = {f"samm/{sample[:3]}/{sample}:" for sample in samm.BAD_APEX}
    assert odd == (bad if name == "samm" else set())
    text = verification.text(clips, protocol.CLASSES)
    everyone = [line for line in text.splitlines() if line.startswith("| all ")]
    numbers = (*protocol.COUNTS[dataset].clips, count)
    cells = [cell.strip() for cell in everyone[0].strip("|").split("|")]
    assert cells == ["all", *(f"{n} / {n}" for n in numbers)]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == protocol.COUNTS[dataset].subjects + 3


def test_an_imitation_is_written_into_an_empty_folder_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(UserError, match=r"is not empty\. Choose another --output"):
        imitation.write("samm", tmp_path)
    with pytest.raises(UserError, match="Known: video, casme2, smic_hs, samm"):
        imitation.write("casme9", tmp_path / "new")
    with pytest.raises(UserError, match=r"no sheet of samm below .*Correct --source"):
        imitation.write("samm", tmp_path / "other", source=tmp_path)


def test_a_smic_of_long_clips_takes_its_spans_from_the_sheet(tmp_path):
    """SMIC-E: a folder holds more than onset to offset; seven clips have no row."""
    folder = tmp_path / "SMIC_HS_E" / "HS_long" / "s1" / "micro"
    for sample in ("s1_ne_01", "s1_ne_02"):
        clip = folder / "negative" / sample
        tiny_release.write_clip(clip, "image{:06d}.jpg", range(100, 120))
    head = ("Subject", "Filename", None, "OnsetF", "OffsetF")
    row = (1, "s1_ne_01", None, 105, 110)
    tiny_release.write_sheet(tmp_path / "SMIC-HS-E_annotation.xlsx", [head, row])
    release = smic_hs.RELEASE
    first, second = listing.read(tmp_path, release, number=3)[:2]
    assert (first.onset, first.offset) == (105, 110)
    assert (second.onset, second.offset) == (None, None)
    places = layout.folders(tmp_path, release)
    clip, whole = layout.locate([first, second], places, tmp_path, release)
    assert clip.numbers == tuple(range(105, 111)) and not clip.notes
    assert whole.numbers == tuple(range(100, 120))
    assert whole.notes, "nothing says that onset and offset are not known"


def test_the_official_sheets_give_the_published_list(shared_data):
    """All 442 clips of MEGC 2019, each with its label."""
    root = shared_data / "annotations"
    if not root.is_dir():
        pytest.skip("no annotations/ in SELFME_TEST_DATA")
    with (root / "megc2019_3class.csv").open(newline="") as file:
        listed = {
            (
                dataset,
                f"{int(who):03d}" if dataset == "samm" else who,
                sample,
            ): int(label)
            for dataset, who, sample, label in csv.reader(file)
        }
    found = {
        (entry.dataset, *entry.key): entry.label
        for name in NAMES
        for entry in listing.read(root, registry.RELEASES[name], number=3)
    }
    assert len(listed) == 442 and found == listed
    labels = np.bincount(list(found.values())).tolist()
    assert labels == [250, 109, 83]


@pytest.mark.parametrize(("name", "count"), [("casme2", 246), ("samm", 136)])
def test_the_official_sheets_hold_five_classes(shared_data, name, count):
    root = shared_data / "annotations"
    if not root.is_dir():
        pytest.skip("no annotations/ in SELFME_TEST_DATA")
    assert len(listing.read(root, registry.RELEASES[name], number=5)) == count
