"""The official sheets, where they are at hand: their counts, their action units."""

import pytest

from selfme_jax.data import action_unit_labels, protocol
from selfme_jax.data.releases import casme2, casme3, listing, registry, sheets

# Per action unit of MEB's table 4 (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17).
MEB = {
    "samm": (6, 18, 23, 10, 3, 46, 5, 6, 28, 13, 4, 6),
    "casme3": (153, 128, 274, 44, 8, 27, 50, 10, 15, 193, 6, 20),
}
# Of the sheet of 2014; MEB's copy of CASME II has a row more: see docs/datasets.md.
CASME2 = (26, 21, 129, 2, 13, 38, 13, 17, 34, 27, 16, 25)
AT_HAND = ("casme2", "samm", "casme", "casme3", "casme3c", "dfme_test_a")


@pytest.fixture(scope="module")
def root(shared_data):
    place = shared_data / "annotations"
    if not place.is_dir():
        pytest.skip("no annotations/ in SELFME_TEST_DATA")
    return place


def read(root, name, number=0):
    return listing.read(root, registry.RELEASES[name], number=number)


def counted(entries):
    cells = [entry.aus for entry in entries]
    return tuple(action_unit_labels.present(cells).sum(0).tolist())


@pytest.mark.parametrize("name", AT_HAND)
def test_every_protocol_has_its_counts(root, name):
    release = registry.RELEASES[name]
    for number, own in release.protocols.items():
        entries = read(root, name, number)
        assert len(entries) == own.total
        found = protocol.count(entries, release.dataset, len(own.classes))
        assert own.counts in (None, found)


@pytest.mark.parametrize("name", MEB)
def test_action_units_are_as_many_as_meb_counts(root, name):
    assert counted(read(root, name)) == MEB[name]


def test_action_units_of_casme2(root):
    assert counted(read(root, "casme2")) == CASME2
    assert len(read(root, "casme2")) == 255


def test_the_settled_cells_are_the_ones_with_an_or(root):
    """SAMM's five alternatives, by name; each settled one is among them."""
    release = registry.RELEASES["samm"]
    path = sheets.find(root, release.sheet.pattern)
    rows = sheets.read(path, release.sheet.required)
    cells = {release.sheet.key(row): row["aus"] for row in rows}
    assert {key for key, cell in cells.items() if " or " in cell} == set(
        release.sheet.settled
    )
    for key, (written, meant) in release.sheet.settled.items():
        assert cells[key] == written
        whole, chosen = map(action_unit_labels.parse, (written, meant))
        assert set(chosen) < set(whole), key


def test_what_is_odd_in_casme3(root):
    entries = read(root, "casme3")
    assert sum(e.onset == e.apex for e in entries) == 55
    early = {"/".join(e.key) for e in entries if e.apex < e.onset}
    assert early == {"spNO.149/d_112", "spNO.216/d_3647"}
    no_end = {"/".join(e.key) for e in entries if e.offset <= e.apex}
    assert no_end >= {"spNO.40/e_1812", "spNO.40/e_2327"}
    assert max(e.offset - e.onset for e in entries) == 3455
    files = [(e.subject, e.sample[0]) for e in entries]
    assert len(files) - len(set(files)) == 397


def test_the_makers_lists_of_casme3(root):
    """What the record says of them is what they say."""
    path = root / "casme3_partA_wrongly_labelled_in_v1.xlsx"
    import openpyxl

    rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
    wrong = [f"{row[0]}/{row[1]}_{row[2]}" for row in rows if row[0]]
    assert tuple(wrong) == casme3.WRONG
    frames = {}
    text = (root / "casme3_partA_damaged_images.txt").read_text()
    for line in text.splitlines():
        if line.strip():
            subject, letter, name, *_ = line.split()
            frames.setdefault((subject, letter.lower()), set()).add(
                int(name.removesuffix(".jpg"))
            )
    assert frames.keys() == casme3.DAMAGED.keys()
    for key, (first, last) in casme3.DAMAGED.items():
        assert frames[key] == set(range(first, last + 1))
    noted = {e.key: e.notes for e in read(root, "casme3") if e.notes}
    assert noted.keys() == {
        *(("spNO.149", "d_112"), ("spNO.40", "e_1812"), ("spNO.40", "e_2327")),
        ("spNO.216", "d_3647"),
    }


def test_names_that_repeat(root):
    """CASME: 14 files hold more than one clip."""
    names = [(e.subject, e.sample.rpartition("_")[0]) for e in read(root, "casme")]
    again = {name for name in names if names.count(name) > 1}
    assert len(again) == 14 and ("sub06", "EP02_5") in again
    assert names.count(("sub06", "EP02_5")) == 6
    assert {e.offset for e in read(root, "casme")} == {None}, "the copy has none"


def test_odd_names_of_casme2_are_those_of_the_sheet(root):
    keys = {entry.key for entry in read(root, "casme2")}
    assert {(f"sub{who:02d}", name) for who, name in casme2.ODD} <= keys


def test_dfme_has_three_frame_rates(root):
    rates = [entry.fps for entry in read(root, "dfme_test_a")]
    assert {rate: rates.count(rate) for rate in set(rates)} == {
        500: 215,
        300: 143,
        200: 116,
    }
