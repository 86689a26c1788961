"""Where a release is, and where it is prepared: what may be wrong with these."""

import fcntl
import os
import shutil
import threading
import time

import pytest
import tiny_release

from selfme_jax.data.releases import inspection, prepared, records, registry
from selfme_jax.data.releases.inspection import Options
from selfme_jax.types import UserError


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A release of 5 clips."""
    return tiny_release.write("casme2", tmp_path_factory.mktemp("places") / "r")


@pytest.fixture
def release(sound, tmp_path):
    """One that may be changed."""
    return shutil.copytree(sound, tmp_path / "r")


def prepare(source, data_dir, **options):
    options = Options(**{"size": 16, **options})
    cache = data_dir / "faces.json"
    found = inspection.run("casme2", str(source), options, cache, tiny_release.quiet)
    prepared.write("casme2", found, data_dir, options, tiny_release.quiet)
    return prepared.load("casme2", root=str(data_dir), allow_partial=True)


def refused(work, *parts):
    with pytest.raises(UserError) as caught:
        work()
    text = tiny_release.refusal(caught.value)
    for part in parts:
        assert part in text, text


@pytest.mark.parametrize("name", registry.RELEASES)
@pytest.mark.parametrize("place", ["", "none", "file", "none\0", "~nobody-here/x"])
def test_no_source(tmp_path, name, place):
    (tmp_path / "file").write_text("no folder")
    source = str(tmp_path / place) if place and place[0] != "~" else place
    named = f"no release of {name} in {source or '--source (not given)'}. Apply for it"
    refused(
        lambda: tiny_release.look(name, source, tmp_path / "faces.json"),
        *(named, "unpack it and set --source to the folder that holds:"),
        registry.RELEASES[name].tree.splitlines()[-1],
    )


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("casme2", "no annotation sheet CASME2-coding-*.xlsx below"),
        ("samm", "no annotation sheet SAMM_Micro_FACS_Codes_*.xlsx below"),
        ("smic_hs", "none of the 164 clips of smic_hs is below"),
        ("megc2019", "no annotation sheet CASME2-coding-*.xlsx below"),
    ],
)
def test_an_empty_source(tmp_path, name, part):
    (tmp_path / "r").mkdir()
    work = lambda: tiny_release.look(name, tmp_path / "r", tmp_path / "f")  # noqa: E731
    refused(work, part, str(tmp_path / "r"))


def test_a_sheet_and_no_frames(release):
    shutil.rmtree(release / "Cropped")
    work = lambda: tiny_release.look("casme2", release, release / "f")  # noqa: E731
    refused(work, f"none of the 5 clips of casme2 is below {release}.", "Apply for it")


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"classes": 4}, "casme2 has no protocol of 4 classes. Use 3, 5 or 7; 0 takes"),
        ({"apex": "guess"}, "unknown apex 'guess'. Known: annotated, motion, midp"),
        ({"frames": "some"}, "unknown frames 'some'. Known: all, rise, ends."),
        ({"size": 8}, "size is 8; it must be at least 16."),
        ({"detector": "eyes"}, "unknown detector 'eyes'. Use mesh, haar"),
    ],
)
def test_options_out_of_range(sound, tmp_path, options, part):
    with pytest.raises(UserError) as caught:
        tiny_release.look("casme2", sound, tmp_path / "f", **options)
    assert str(caught.value).startswith(part)


def test_prepared_otherwise(release, tmp_path):
    data_dir = tmp_path / "d"
    assert len(prepare(release, data_dir).samples) == 5
    before = sorted(data_dir.rglob("*"))
    assert len(prepare(release, data_dir).samples) == 5
    assert sorted(data_dir.rglob("*")) == before
    way = "Choose another --data_dir, or delete that one."
    size = lambda: prepare(release, data_dir, size=24)  # noqa: E731
    refused(size, "were made otherwise (size: 16 -> 24)", way)
    two = lambda: prepare(release, data_dir, apex="midpoint", frames="ends")  # noqa: E731
    refused(two, "(apex: annotated -> midpoint; frames: all -> ends)", way)
    shutil.rmtree(tiny_release.clip_folder(release))
    refused(lambda: prepare(release, data_dir), "(1 clip(s) gone)", way)


def test_a_file_in_place_of_the_data_dir(sound, tmp_path):
    (tmp_path / "d").write_text("mine")
    work = lambda: prepare(sound, tmp_path / "d")  # noqa: E731
    refused(work, f"cannot write to {tmp_path / 'd'}: ", "choose another --data_dir")
    assert (tmp_path / "d").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_dir_that_may_not_be_written(sound, tmp_path):
    (tmp_path / "d").mkdir(mode=0o500)
    work = lambda: prepare(sound, tmp_path / "d")  # noqa: E731
    refused(work, f"cannot write to {tmp_path / 'd'}: Permission denied")


def test_no_room(sound, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records, "stream", full)
    work = lambda: prepare(sound, tmp_path / "d")  # noqa: E731
    refused(work, f"cannot write to {tmp_path / 'd'}: No space left", "Make room")
    assert not list((tmp_path / "d").rglob("incomplete*"))


def test_another_process_is_preparing(sound, tmp_path):
    data_dir = tmp_path / "d"
    data_dir.mkdir()
    with (data_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(
            lambda: prepare(sound, data_dir),
            f"another process is preparing {data_dir}. Wait for it",
        )
        assert not prepared.folder("casme2", data_dir, 3).exists()
    assert len(prepare(sound, data_dir).samples) == 5


def test_two_at_once(sound, tmp_path):
    """The second one to write is refused, or finds all done."""
    ends = []

    def work():
        try:
            ends.append(len(prepare(sound, tmp_path / "d").samples))
        except UserError as error:
            ends.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert 5 in ends
    assert all(end == 5 or "another process is preparing" in end for end in ends), ends


def test_what_a_killed_one_left_is_cleared_first(sound, tmp_path, monkeypatch):
    place = prepared.folder("casme2", tmp_path / "d", 3).parent
    left = place / "incomplete.ABC_1.0.0"
    left.mkdir(parents=True)
    (left / "part").write_bytes(b"half")
    stream = records.stream

    def watched(*arguments):
        assert not left.exists()
        yield from stream(*arguments)

    monkeypatch.setattr(records, "stream", watched)
    assert len(prepare(sound, tmp_path / "d").samples) == 5
    assert [path.name for path in place.iterdir()] == ["1.0.0"]


def test_a_frame_changes_while_it_is_written(release, tmp_path):
    data_dir, options = tmp_path / "d", Options(size=16)
    found = tiny_release.look("casme2", release, data_dir / "faces.json")
    path = tiny_release.clip_folder(release) / "reg_img48.jpg"
    path.write_bytes(b"")
    work = lambda: prepared.write(  # noqa: E731
        "casme2", found, data_dir, options, tiny_release.quiet
    )
    refused(work, f"{path} changed while it was read (empty). Run again.")
    assert not list(data_dir.rglob("incomplete*"))
    assert not prepared.folder("casme2", data_dir, 3).exists()


def test_counts_of_a_part(sound, tmp_path):
    found = tiny_release.look("casme2", sound, tmp_path / "f")
    refused(
        lambda: prepared.check(found, 3, allow_partial=False),
        "casme2: found 5 clips of 3 subjects (3 negative, 1 positive, 1 surprise); ",
        *("expected 145 clips of 24 subjects (88 neg", "--allow_partial here"),
    )
    prepared.check(found, 3, allow_partial=True)
    five = tiny_release.look("casme2", sound, tmp_path / "f", classes=5)
    refused(
        lambda: prepared.check(five, 5, allow_partial=False),
        *("casme2: found 6 clips of 3 subjects (1 happ", "--allow_partial here"),
        "expected 246 clips of 26 subjects (32 happiness, 63 disgust",
    )
    none = found._replace(usable=())
    refused(lambda: prepared.check(none, 3, allow_partial=True), "casme2: found 0 clip")
    give = {"root": str(tmp_path / "d"), "source": str(sound)}
    refused(lambda: prepared.load("casme2", **give), "casme2: found 5 clips of 3 subj")
    assert len(prepared.load("casme2", **give, allow_partial=True).samples) == 5
    refused(lambda: prepared.load("casme2", **give), "casme2: found 5 clips of 3 subj")


def test_nothing_prepared(tmp_path):
    refused(
        lambda: prepared.load("samm", root=str(tmp_path / "d"), classes=5),
        f"no prepared samm (5 classes) in {tmp_path / 'd'}. Prepare it:\n"
        "python -m selfme_jax.prepare samm --source=DIR --classes=5 "
        f"--data_dir={tmp_path / 'd'}",
    )
