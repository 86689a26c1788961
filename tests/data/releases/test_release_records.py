"""The records of releases: each is sound by itself, and none disturbs another."""

import functools
from pathlib import Path

import pytest

from selfme_jax.data import protocol
from selfme_jax.data import registry as datasets
from selfme_jax.data.releases import builders, imitation, listing, registry, sheets
from selfme_jax.data.releases.record import ALL
from selfme_jax.types import UserError

NAMES = tuple(registry.RELEASES)


@pytest.fixture(scope="module")
def imitated(tmp_path_factory):
    """One folder with the imitated sheets of all releases, each read only once."""
    root = tmp_path_factory.mktemp("sheets")
    for release in registry.RELEASES.values():
        imitation.write_sheet(release, root)
    tables = functools.cache(sheets._tables)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheets, "_tables", tables)
        yield root


def test_composites_are_what_they_are_called():
    """A further release must change none of them: so they are spelled out here."""
    assert dict(registry.COMPOSITES) == {
        "megc2019": (("casme2", "smic_hs", "samm"), (3,)),
        "cd6me": (("casme", "casme2", "casme3", "fourdme", "mmew", "samm"), (0,)),
    }
    assert registry.total("megc2019", 3) == 442
    assert protocol.COUNTS.keys() == {"casme2", "smic", "samm"}
    parts = [part.name for part in registry.parts("megc2019")]
    assert parts == ["casme2", "smic_hs", "samm"]


def test_everything_that_has_a_name_can_be_loaded_and_built():
    assert set(registry.NAMES) <= set(datasets.LOADERS)
    assert set(registry.NAMES) == set(builders.BUILDERS)
    for name, builder in builders.BUILDERS.items():
        assert builder.name == name
        configs = {config.name for config in builder.BUILDER_CONFIGS}
        assert configs == {f"{n}class" for n in registry.numbers(name)}


@pytest.mark.parametrize("name", NAMES)
def test_a_record_is_sound(name):
    release = registry.RELEASES[name]
    assert release.name == name and release.apply and release.tree
    for number, own in release.protocols.items():
        assert len(own.classes) == number or number == ALL
        assert set(own.words.values()) == (set(own.classes) if number else set())
        assert own.counts is None or sum(own.counts.clips) == own.total
        assert own.counts is None or len(own.counts.clips) == len(own.classes)
    three = release.protocols[3]
    assert three.classes == ("negative", "positive", "surprise")


@pytest.mark.parametrize("name", NAMES)
def test_a_sheet_is_found_by_its_name_among_all_others(name, imitated):
    release = registry.RELEASES[name]
    found = sheets.find(imitated, release.sheet.pattern)
    assert found is not None and found.name == release.imitation.file
    official = release.sheet.file.replace("*", "20140508")
    (alone := imitated.parent / f"alone {name}").mkdir()
    (alone / official).write_text("x")
    for other in registry.RELEASES.values():
        met = sheets.find(alone, other.sheet.pattern)
        assert (met is not None) == (other.name == name), other.name


@pytest.mark.parametrize("name", NAMES)
def test_an_imitated_sheet_holds_every_protocol(name, imitated):
    release = registry.RELEASES[name]
    for number, own in release.protocols.items():
        entries = listing.read(imitated, release, number=number)
        assert len({entry.key for entry in entries}) == len(entries)
        assert own.total is None or len(entries) == own.total
        if own.counts is not None:
            found = protocol.count(entries, release.dataset, len(own.classes))
            assert found == own.counts
        protocol.check_counts(
            entries,
            remedy="",
            datasets=[release.dataset],
            known=protocol.counts(name, number),
            classes=own.classes,
        )


@pytest.mark.parametrize("name", NAMES)
def test_imitated_folders_are_found_again(name, imitated):
    """And frames of clips that share a folder do not overwrite one another."""
    release = registry.RELEASES[name]
    whole = ALL if ALL in release.protocols else 3
    shown = {}
    for entry in listing.read(imitated, release, number=whole):
        onset = entry.onset or 0
        path = Path(release.imitation.frame(entry, onset))
        assert release.identify(path.parent) in release.folders(entry)
        assert shown.setdefault(path, entry) == entry or entry.onset is None


def test_imitated_people_are_nobody_elses(imitated):
    whose = {}
    for name, release in registry.RELEASES.items():
        if name.startswith("dfme"):
            continue  # one numbering for its three lists
        whole = ALL if ALL in release.protocols else 3
        for entry in listing.read(imitated, release, number=whole):
            digits = int("".join(c for c in entry.subject if c.isdigit()))
            assert whose.setdefault(release.imitation.person + digits, name) == name
    assert max(whose) < registry.RELEASES["dfme"].imitation.person


@pytest.mark.parametrize(
    ("name", "number", "words"),
    [
        ("casme3", 5, "casme3 has no protocol of 5 classes. Use 3, 4 or 7; 0 takes ev"),
        (
            "mmew",
            5,
            "mmew has no protocol of 5 classes. Use 3, 4, 6 or 7; 0 takes",
        ),
        ("cd6me", 3, "cd6me has no protocol of 3 classes. Use 0."),
        ("smic_hs", 0, "smic_hs has no protocol of 0 classes. Use 3."),
        ("casme9", 3, "unknown dataset 'casme9'. Known: casme2, smic_hs, samm, casme,"),
    ],
)
def test_what_there_is_no_protocol_of(name, number, words):
    with pytest.raises(UserError) as caught:
        registry.classes(name, number)
    assert str(caught.value).startswith(words)
