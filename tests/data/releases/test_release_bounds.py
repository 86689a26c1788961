"""What would take for ever, or all memory: bounded, or refused in two lines."""

import csv
import io
import os
import zipfile

import openpyxl
import pytest
import tiny_release
from tiny_release import CASME2, HEAD, SHEETS

from selfme_jax.data import manifest
from selfme_jax.data.releases import imitation, inspection, sheets
from selfme_jax.types import UserError


@pytest.fixture
def root(tmp_path):
    return tiny_release.write("casme2", tmp_path / "r")


def look(root):
    return tiny_release.look("casme2", root, root.parent / "faces.json")


def changed(root, **cells):
    first = [
        cells.get(name or "", cell) for name, cell in zip(HEAD, CASME2[0], strict=True)
    ]
    rows = [HEAD, first, *CASME2[1:]]
    tiny_release.write_sheet(root / SHEETS["casme2"], rows)


@pytest.mark.parametrize("column", ["OnsetFrame", "ApexFrame", "OffsetFrame"])
@pytest.mark.parametrize("cell", ["1" + "0" * 20, "9" * 900, "-3", "1000000000"])
def test_a_number_that_no_frame_has(root, column, cell):
    changed(root, **{column: cell})
    with pytest.raises(UserError, match="is no frame number") as caught:
        look(root)
    text = tiny_release.refusal(caught.value)
    assert f"{column[:-5].lower()} of sub01/EP02_01f: " in text
    assert len(text) < 400


def test_an_offset_far_beyond_the_last_frame(root):
    changed(root, OffsetFrame=999_999_999)
    (line,) = tiny_release.lines(look(root))
    assert line == "frames missing: casme2/sub01/EP02_01f: 55-999999999"


@pytest.mark.parametrize("corner", ["XFD5", "A1048576", "XFD1048576"])
def test_a_cell_in_a_far_corner_of_a_sheet(root, corner):
    path = root / SHEETS["casme2"]
    book = openpyxl.load_workbook(path)
    book.active[corner] = "x"
    book.save(path)
    assert not tiny_release.lines(look(root))


def test_a_sheet_that_swells(root, monkeypatch):
    monkeypatch.setattr(sheets, "BYTES", 3000)
    with pytest.raises(UserError, match="is no readable Excel file"):
        look(root)
    monkeypatch.undo()
    path = root / SHEETS["casme2"]
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as book,
        book.open("xl/media/image1.png", "w", force_zip64=True) as part,
    ):
        for _ in range(300):
            part.write(bytes(2**20))
    assert path.stat().st_size < 2**20
    with pytest.raises(UserError, match="is no readable Excel file"):
        look(root)


@pytest.mark.parametrize("column", ["Subject", "Filename", "Action Units"])
def test_an_endless_cell_of_a_sheet(root, column):
    path = root / SHEETS["casme2"]
    path.unlink()
    rows = [list(HEAD), list(CASME2[0])]
    rows[1][HEAD.index(column)] = "s" * 10**5
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    path.with_suffix(".csv").write_text(out.getvalue())
    with pytest.raises(UserError, match="a cell of 100000 letters") as caught:
        look(root)
    assert len(tiny_release.refusal(caught.value)) < 300


def test_a_long_name_is_quoted_short(root):
    changed(root, Subject="Anna" * 100)
    with pytest.raises(UserError, match="is no subject") as caught:
        look(root)
    assert len(str(caught.value)) < 300


def test_an_endless_cell_of_a_manifest(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_text("dataset,subject\nmine," + "s" * 10**5 + "\n")
    with pytest.raises(UserError, match="row 1: a cell of 100000 letters. Shorten"):
        manifest.rows(path, ("dataset", "subject"))


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def device(path):
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("special", [pipe, device])
def test_a_frame_that_is_no_file(root, special):
    special(tiny_release.clip_folder(root) / "reg_img48.jpg")
    lines = tiny_release.lines(look(root))
    assert any("reg_img48.jpg" in line and "EP02_01f" in line for line in lines)
    assert len(look(root).usable) == 5


@pytest.mark.parametrize("special", [pipe, device])
def test_a_sheet_that_is_no_file(root, special):
    special(root / SHEETS["casme2"])
    with pytest.raises(UserError, match="no regular file"):
        look(root)


@pytest.mark.parametrize("special", [pipe, device])
def test_a_manifest_that_is_no_file(tmp_path, special):
    (tmp_path / "manifest.csv").touch()
    special(tmp_path / "manifest.csv")
    with pytest.raises(UserError, match="no regular file. Restore the file"):
        manifest.read(tmp_path / "manifest.csv")


def test_five_classes_of_an_imitation(tmp_path, monkeypatch):
    """Frames of every clip are made unless fewer are asked for."""
    made = []
    monkeypatch.setattr(imitation, "_clip", lambda *arguments: made.append(arguments))
    assert imitation.write("casme2", tmp_path / "all", number=0) == 255 == len(made)
    assert imitation.write("casme2", tmp_path / "five", number=5) == 246


def test_a_decoder_does_not_wait(tmp_path):
    os.mkfifo(tmp_path / "frame.jpg")
    assert inspection.decode(tmp_path / "frame.jpg") == "no regular file"
