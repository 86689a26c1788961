"""The newer releases on disk: layouts and quirks, each met by its name."""

import shutil

import pytest
import tiny_release

from selfme_jax.data.faces import framing as align
from selfme_jax.data.releases import imitation, inspection, listing, registry
from selfme_jax.data.releases.imitation import Look
from selfme_jax.data.releases.record import ALL

NEWER = ("casme", "casme3", "casme3c", "mmew", "fourdme", "dfme", "dfme_test_b")


@pytest.fixture(autouse=True)
def face(monkeypatch):
    """Tiny faces are not always detected; say that there is one."""
    found = align.Similarity(16, 16, 20, 0)
    monkeypatch.setattr(align, "find", lambda image, *, detector: found)


def imitate(name, root, wanted, monkeypatch):
    """Frames of some clips alone; the sheet is whole."""
    read = listing.read

    def some(*arguments, **options):
        return [e for e in read(*arguments, **options) if wanted(e)]

    with monkeypatch.context() as patch:
        patch.setattr(listing, "read", some)
        imitation.write(name, root, number=ALL, look=Look(size=32, frames=4))
    return root


def look(name, root, cache):
    """(usable clips by 'subject/sample', the survey)."""
    options = inspection.Options(classes=ALL, size=16)
    found = inspection.run(name, str(root), options, cache, tiny_release.quiet)
    return {"/".join(c.entry.key): c for c in found.usable}, found


@pytest.mark.parametrize("name", NEWER)
def test_some_clips_of_an_imitation(name, tmp_path, monkeypatch):
    """All frames of these are there, and nobody else's are taken for them."""
    release = registry.RELEASES[name]
    imitation.write_sheet(release, tmp_path)
    some = listing.read(tmp_path, release, number=ALL)[:40:8]
    keys = {entry.key for entry in some}
    root = imitate(name, tmp_path / "r", lambda e: e.key in keys, monkeypatch)
    usable, found = look(name, root, tmp_path / "f.json")
    assert {clip.entry.key for clip in found.usable} == keys
    assert len(usable) + len(found.unusable) == len(found.entries)
    assert found.imitation
    for clip in found.usable:
        entry = clip.entry
        assert not clip.missing and entry.aus and len(clip.numbers) > 4
        if entry.apex is not None and entry.onset < entry.apex:
            assert clip.apex_source == "annotated"
            assert clip.apex == entry.apex - entry.onset
        else:
            assert clip.apex_source == "motion"
    assert {clip.entry.aus for clip in found.usable} <= {entry.aus for entry in some}


WORST = (
    *("spNO.149/d_112", "spNO.216/d_3647", "spNO.214/c_5"),
    *("spNO.40/e_1812", "spNO.40/e_2327"),
)


@pytest.fixture
def casme3(tmp_path, monkeypatch):
    return imitate(
        "casme3", tmp_path / "r", lambda e: "/".join(e.key) in WORST, monkeypatch
    )


def test_the_worst_rows_of_casme3(casme3, tmp_path):
    clips, _ = look("casme3", casme3, tmp_path / "f.json")
    assert set(clips) == set(WORST)
    listed = "in the makers' list of what the first version had wrong"
    early, far, none = (clips[WORST[i]] for i in (0, 2, 3))
    assert early.notes == (
        listed,
        "offset 358 is 246 frames after the onset; those to 232 are used",
        "apex 83 is out of 112 to 232",
    )
    assert far.notes == (
        "offset 3460 is 3455 frames after the onset; those to 125 are used",
        "apex 5 is out of 5 to 125",
    )
    assert far.numbers == tuple(range(5, 126))
    assert none.notes == (
        listed,
        "offset 0 is not after the apex; frames to 1828 are used",
    )
    assert none.numbers[0] == 1812 and none.numbers[-1] == 1828
    sources = {key: clip.apex_source for key, clip in clips.items()}
    assert [sources[key] for key in WORST] == [*["motion"] * 3, *["annotated"] * 2]


def move(root, into):
    """The clip folders of an imitation as whole videos: spNO.40/e/color/..."""
    for folder in (root / "Part_A_ME_clip" / "frame").iterdir():
        subject, letter, _ = folder.name.split("_")
        place = root / "part_A" / subject.upper().replace("SPNO", "spNO") / letter
        (place / into).mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.rename(place / into / path.name)
    shutil.rmtree(root / "Part_A_ME_clip")


@pytest.mark.parametrize("into", ["color", "."])
def test_whole_videos_of_casme3(casme3, tmp_path, into):
    move(casme3, into)
    if into == "color":  # beside it lies depth, with other numbers of channels
        for place in (casme3 / "part_A").glob("*/*"):
            shutil.copytree(place / "color", place / "depth")
    clips, _ = look("casme3", casme3, tmp_path / "f.json")
    assert set(clips) == set(WORST)
    first, second = clips["spNO.40/e_1812"], clips["spNO.40/e_2327"]
    assert first.numbers == tuple(range(1812, 1829)), "two clips of one video"
    assert second.numbers[0] == 2327 and second.numbers[-1] <= 2327 + 120
    assert all("depth" not in str(clip.paths[0]) for clip in clips.values())


def test_depth_beside_the_clips_of_casme3(casme3, tmp_path):
    frames = casme3 / "Part_A_ME_clip" / "frame"
    shutil.copytree(frames, frames.with_name("depth"))
    clips, _ = look("casme3", casme3, tmp_path / "f.json")
    assert set(clips) == set(WORST)
    assert all("times" not in note for clip in clips.values() for note in clip.notes)


def test_a_copy_of_the_sheet_of_casme_without_offsets_and_action_units(tmp_path):
    head = ("Subject", "Filename", "OnsetF", "ApexF1", "Emotion")
    rows = [
        (1.0, "EP01_12", 73.0, 81.0, "tense"),
        (1.0, "EP01_12", 163.0, 169.0, "tense"),
    ]
    tiny_release.write_sheet(tmp_path / "CASME.xlsx", [head, *rows])
    folder = tmp_path / "CASME" / "sub01" / "EP01_12"
    tiny_release.write_clip(folder, "EP01_12-{:05d}.jpg", range(60, 180))
    clips, _ = look("casme", tmp_path, tmp_path / "f.json")
    first, second = clips["sub01/EP01_12_73"], clips["sub01/EP01_12_163"]
    assert first.numbers[0] == 73 and second.numbers == tuple(range(163, 180))
    assert second.notes == ("offset is not known; frames to 179 are used",)
    assert (first.numbers[first.apex], second.numbers[second.apex]) == (81, 169)
    assert first.entry.aus == second.entry.aus == ""


@pytest.mark.parametrize("start", [0, 400])
def test_mmew_counts_within_the_clip_or_in_the_video(tmp_path, start):
    """Which of both is told by the number of frames."""
    head = ("Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Estimated Emotion")
    rows = [("S13-07-001", start + 1, start + 6, start + 10, "Anger")]
    tiny_release.write_sheet(tmp_path / "MMEW_Micro_Exp.xlsx", [head, *rows])
    folder = tmp_path / "MMEW_Final" / "Micro_Expression" / "anger" / "S13-07-001"
    tiny_release.write_clip(folder, "{}.jpg", range(1, 11))
    macro = tmp_path / "MMEW_Final" / "Macro_Expression" / "S13" / "S13-07-001"
    tiny_release.write_clip(macro, "{}.jpg", range(1, 30))
    clips, _ = look("mmew", tmp_path, tmp_path / "f.json")
    (clip,) = clips.values()
    assert clip.numbers == tuple(range(1, 11)) and clip.apex == 5
    said = ("frames are numbered from 1, which is 401 of the sheet",)
    assert clip.notes == (said if start else ())
    assert clip.entry.emotion == "anger"


def test_mmew_with_a_frame_too_many_is_not_guessed_at(tmp_path):
    head = ("Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Estimated Emotion")
    rows = [head, ("S13-07-001", 401, 406, 410, "Anger"), ("S1-1-1", 1, 4, 9, "Fear")]
    tiny_release.write_sheet(tmp_path / "MMEW_Micro_Exp.xlsx", rows)
    place = tmp_path / "MMEW_Final" / "Micro_Expression"
    for folder in ("anger/S13-07-001", "fear/S01-01-001"):
        tiny_release.write_clip(place / folder, "{}.jpg", range(1, 12))
    clips, found = look("mmew", tmp_path, tmp_path / "f.json")
    assert set(clips) == {"S01/S01-01-001"}
    (why,) = found.unusable.values()
    assert why.startswith("onset frame 401 is missing in")


@pytest.mark.parametrize("place", ["1", "01", "sub01", "1/1/color", "01/1"])
def test_layouts_of_casme3_part_c(tmp_path, place):
    head = ("sub", "count", "onset", "offset", "au", "emotion")
    rows = [head, (1, 1, 373, 380, "R4,5", "negative")]
    tiny_release.write_sheet(tmp_path / "casme3_partC_ME.xlsx", rows)
    tiny_release.write_clip(tmp_path / "part_C" / place, "{}.jpg", range(370, 390))
    clips, _ = look("casme3c", tmp_path, tmp_path / "f.json")
    (clip,) = clips.values()
    assert clip.entry.key == ("01", "1") and clip.entry.aus == "R4,5"
    assert clip.numbers == tuple(range(373, 381)) and clip.apex_source == "motion"


def test_dfme_takes_its_frame_rate_from_the_sheet(tmp_path):
    release = registry.RELEASES["dfme"]
    imitation.write_sheet(release, tmp_path)
    entries = listing.read(tmp_path, release, number=7)
    assert {entry.fps for entry in entries} == {200, 300, 500}


def test_4dme_emotions_of_two_words_are_in_no_class(tmp_path):
    release = registry.RELEASES["fourdme"]
    imitation.write_sheet(release, tmp_path)
    words = {
        number: {e.emotion for e in listing.read(tmp_path, release, number=number)}
        for number in (3, 5, ALL)
    }
    assert words[3] == {"negative", "positive", "surprise"}
    assert words[5] == words[3] | {"repression", "others"}
    assert words[ALL] - words[5] == {"surprise+positive", "negative+repression"}
