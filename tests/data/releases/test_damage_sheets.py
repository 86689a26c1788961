"""Annotation sheets of the releases: how they may differ, and how they are refused."""

import csv
import io
import zipfile

import pytest
import tiny_release
from tiny_release import CASME2, HEAD, SAMM, SAMM_HEAD, SHEETS

from selfme_jax import files
from selfme_jax.types import UserError


def rewritten(*rows):
    def change(root):
        tiny_release.write_sheet(root / SHEETS["casme2"], rows)

    return change


def first(**changes):
    """The sheet with cells of the first clip changed, by the name of the column."""
    cells = zip(HEAD, CASME2[0], strict=True)
    row = [changes.get(name or "", cell) for name, cell in cells]
    return rewritten(HEAD, row, *CASME2[1:])


def heads(**names):
    return rewritten([names.get(cell or "", cell) for cell in HEAD], *CASME2)


def content(data: bytes):
    return lambda root: (root / SHEETS["casme2"]).write_bytes(data)


def absent(root):
    (root / SHEETS["casme2"]).unlink()


def half(root):
    content((root / SHEETS["casme2"]).read_bytes()[:2000])(root)


def folder(root):
    absent(root)
    (root / SHEETS["casme2"]).mkdir()


def member(name, data):
    """The Excel file with one of its parts replaced."""

    def change(root):
        path = root / SHEETS["casme2"]
        out = io.BytesIO()
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
            for part in old.namelist():
                new.writestr(part, data if part == name else old.read(part))
        path.write_bytes(out.getvalue())

    return change


def deflated_damage(root):
    """Bytes in the middle of a compressed part are wrong, the directory is whole."""
    path = root / SHEETS["casme2"]
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as book:
        start = book.getinfo("xl/worksheets/sheet1.xml").header_offset
    data[start + 60 : start + 200] = b"\xff" * 140
    path.write_bytes(bytes(data))


def table(*, encoding="utf-8", delimiter=",", emotion="happiness", rows=CASME2):
    def change(root):
        absent(root)
        out = io.StringIO()
        writer = csv.writer(out, delimiter=delimiter)
        writer.writerows([HEAD, *rows, ("04", "EP1_1", "", 1, 2, 3, "", 1, emotion)])
        data = out.getvalue().encode(encoding)
        (root / "CASME2-coding-20140508.csv").write_bytes(data)

    return change


def excel_and_csv(root):
    (root / "CASME2-coding.csv").write_text("no, table")
    (root / "~$CASME2-coding-20140508.xlsx").write_bytes(b"lock")
    (root / "notes.xlsx").write_bytes(b"")


REFUSED = {
    "missing": (absent, ("no annotation sheet CASME2-coding-*.xlsx below {root}",)),
    "a folder": (folder, ("no annotation sheet CASME2-coding-*.xlsx below {root}",)),
    "zero bytes": (content(b""), ("{sheet} is no readable Excel file (0 bytes)",)),
    "not an xlsx": (content(b"\0\1\2" * 99), ("{sheet} is no readable Excel file",)),
    "a text file": (content(b"Subject,Filename\n1,2\n"), ("{sheet} is no readable",)),
    "an old xls": (content(b"\xd0\xcf\x11\xe0" + bytes(999)), ("{sheet} is no re",)),
    "cut off": (half, ("{sheet} is no readable Excel file (2000 bytes)",)),
    "a part is no XML": (
        member("xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row"),
        ("{sheet} is no readable Excel file",),
    ),
    "a part is empty": (
        member("xl/workbook.xml", b""),
        ("{sheet} is no readable Excel file",),
    ),
    "a part is damaged": (deflated_damage, ("{sheet} is no readable Excel file",)),
    "apex renamed": (
        heads(ApexFrame="Peak"),
        ("{sheet} has no column for apex (such as 'apexframe')",),
    ),
    "onset and offset renamed": (
        heads(OnsetFrame="Start", OffsetFrame="End"),
        ("has no column for onset, offset (such as 'onsetframe', 'offsetframe')",),
    ),
    "a column dropped": (
        rewritten(*((*row[:1], *row[2:]) for row in (HEAD, *CASME2))),
        ("{sheet} has no column for sample (such as 'filename')",),
    ),
    "no header": (rewritten(*CASME2), ("no column for subject, sample, onset",)),
    "no rows": (rewritten(HEAD), ("none of the 0 clips of casme2 is below {root}",)),
    "a clip twice": (
        rewritten(HEAD, *CASME2, CASME2[0]),
        ("{sheet} lists casme2/sub01/EP02_01f twice",),
    ),
    "subject is a word": (first(Subject="Anna"), ("{sheet}: 'Anna' is no subject",)),
    "subject is blank": (first(Subject=None), ("{sheet}: '' is no subject",)),
    "csv not UTF-8": (
        table(encoding="latin-1", emotion="dégoût"),
        ("20140508.csv is no UTF-8 CSV file",),
    ),
    "csv of semicolons": (table(delimiter=";"), ("csv has no column for subject, s",)),
    "csv in UTF-16": (table(encoding="utf-16"), ("20140508.csv is no UTF-8 CSV",)),
    "csv of NULs": (table(encoding="utf-32-le"), ("20140508.csv ",)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_sheet_is_refused(tmp_path, case):
    damage, expected = REFUSED[case]
    root = tiny_release.write("casme2", tmp_path / "r")
    damage(root)
    with pytest.raises(UserError) as caught:
        tiny_release.look("casme2", root, tmp_path / "faces.json")
    text = tiny_release.refusal(caught.value)
    for part in expected:
        sheet = str(root / SHEETS["casme2"])
        assert part.format(root=root, sheet=sheet) in text


def test_a_sheet_that_may_not_be_read(tmp_path, monkeypatch):
    root = tiny_release.write("casme2", tmp_path / "r")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(files.path("x")), "read_bytes", refuse)
    with pytest.raises(UserError, match=r"cannot read .*xlsx: Permission denied\. Re"):
        tiny_release.look("casme2", root, tmp_path / "faces.json")


def floats(row):
    return [float(x) if isinstance(x, int) else x for x in row]


ACCEPTED = {
    "header shifted down": rewritten(*[("CASME II", None)] * 13, HEAD, *CASME2),
    "header shifted right": rewritten(*((None, None, *r) for r in (HEAD, *CASME2))),
    "header in capitals": rewritten([c and c.upper() for c in HEAD], *CASME2),
    "header in words": heads(OnsetFrame=" Onset frame", ApexFrame="apex_frame\n"),
    "blank rows": rewritten(HEAD, (), *[x for r in CASME2 for x in (r, [None] * 9)]),
    "rows below the table": rewritten(HEAD, *CASME2, (), ("source: 2014",)),
    "floats": rewritten(HEAD, *map(floats, CASME2)),
    "numbers as text": first(OnsetFrame=" 46 ", ApexFrame="50.0", OffsetFrame="54"),
    "full-width digits": first(OnsetFrame="４６", Subject="０１"),
    "subject is a number": first(Subject=1),
    "subject as a folder": first(Subject="sub01"),
    "name with blanks": first(Filename=" EP02_01f\xa0"),
    "emotion with blanks": first(**{"Estimated Emotion": "  Happiness "}),
    "emotion in capitals": first(**{"Estimated Emotion": "HAPPINESS"}),
    "csv": table(rows=CASME2, emotion="fear"),
    "csv with a byte order mark": table(encoding="utf-8-sig", emotion="fear"),
    "csv beside Excel": excel_and_csv,
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_sheet_is_read_all_the_same(tmp_path, case):
    root = tiny_release.write("casme2", tmp_path / "r")
    ACCEPTED[case](root)
    found = tiny_release.look("casme2", root, tmp_path / "faces.json")
    assert not tiny_release.lines(found)
    assert [clip.entry.key for clip in found.usable] == [
        (f"sub{row[0]}", row[1]) for row in CASME2[:5]
    ]
    entry = found.usable[0].entry
    assert (entry.onset, entry.apex, entry.offset) == (46, 50, 54)
    assert (entry.label, entry.emotion) == (1, "happiness")


@pytest.mark.parametrize(
    "change",
    [
        first(**{"Estimated Emotion": "boredom"}),
        first(**{"Estimated Emotion": None}),
        first(ApexFrame="/"),
        first(ApexFrame=None),
        first(ApexFrame=46),
    ],
)
def test_a_clip_that_the_protocol_does_not_hold(tmp_path, change):
    root = tiny_release.write("casme2", tmp_path / "r")
    change(root)
    found = tiny_release.look("casme2", root, tmp_path / "faces.json")
    assert not tiny_release.lines(found)
    keys = [clip.entry.key for clip in found.usable]
    assert len(keys) == 4 and ("sub01", "EP02_01f") not in keys


@pytest.mark.parametrize(
    ("apex", "notes"),
    [("/", ()), (46, ("apex 46 is out of 46 to 54",)), ("50", ())],
)
def test_five_classes_keep_a_clip_without_an_apex(tmp_path, apex, notes):
    root = tiny_release.write("casme2", tmp_path / "r")
    first(ApexFrame=apex)(root)
    found = tiny_release.look("casme2", root, tmp_path / "faces.json", classes=5)
    clip = found.usable[0]
    assert len(found.usable) == 6 and clip.notes == notes
    assert clip.apex_source == ("annotated" if apex == "50" else "motion")


@pytest.mark.parametrize("name", ["6-1-2", "film", "1_2"])
def test_an_odd_name_in_the_sheet_of_samm(tmp_path, name):
    root = tiny_release.write("samm", tmp_path / "r")
    row = (SAMM[0][0], name, *SAMM[0][2:])
    tiny_release.write_sheet(root / SHEETS["samm"], [SAMM_HEAD, row, *SAMM[1:]])
    with pytest.raises(UserError, match="is no clip name such as 006_1_2") as caught:
        tiny_release.look("samm", root, tmp_path / "faces.json")
    assert repr(name) in tiny_release.refusal(caught.value)


def test_samm_lists_a_clip_twice(tmp_path):
    root = tiny_release.write("samm", tmp_path / "r")
    tiny_release.write_sheet(root / SHEETS["samm"], [SAMM_HEAD, *SAMM, SAMM[0]])
    with pytest.raises(UserError, match=r"lists samm/006/006_1_2 twice\. Restore"):
        tiny_release.look("samm", root, tmp_path / "faces.json")
