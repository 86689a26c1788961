"""Which runs a table is made of."""

import importlib

import numpy as np
import pytest
from etils import epath
from plans import plan

from selfme_jax import tables
from selfme_jax.data.synthetic import rendered as synthetic
from selfme_jax.report import paper
from selfme_jax.run import table_rows
from selfme_jax.run.config import Source
from selfme_jax.types import Sample, UserError


class Images:
    """Flow images of two datasets."""

    classes = ("x", "y", "z")
    samples = tuple(
        Sample(d, f"s{i}", "c", i % 3) for d in ("smic", "casme2") for i in range(4)
    )
    images = np.zeros((8, 28, 28, 3), np.float32)


CLIPS = synthetic.load(subjects=2, clips_per_subject=3, size=48)


def config(name):
    return importlib.import_module(f"selfme_jax.configs.{name}").get_config()


def changed(base, changes):
    return Source(base, "test").plan(changes)


@pytest.mark.parametrize("name", table_rows.TABLES)
@pytest.mark.parametrize("data", ["synthetic", "flow_images"])
def test_every_cell_is_a_config_that_can_be_run(name, data):
    base = config(data)
    samples = CLIPS if data == "synthetic" else Images()
    if data == "synthetic" and name == "cd6me":
        with pytest.raises(UserError, match="what the others trained"):
            table_rows.table(name, plan(base), samples)
        return
    if data == "flow_images" and name in ("ablation",):
        with pytest.raises(UserError, match="learns motion"):
            table_rows.table(name, plan(base), samples)
        return
    table = table_rows.table(name, plan(base), samples)
    assert table.reference in [row.name for row in table.rows if not row.why_not]
    assert len({row.name for row in table.rows}) == len(table.rows)
    made = [changed(base, r.changes).settings for r in table.rows if not r.why_not]
    assert all(a != b for i, a in enumerate(made) for b in made[:i])
    if data == "flow_images":
        assert {cell["input"] for cell in made} == {"images"}
    else:
        assert not [row.why_not for row in table.rows if row.why_not]


def test_tables_hold_the_rows_of_the_paper():
    rows = {
        name: [
            r.name
            for r in table_rows.table(name, plan(config("synthetic")), CLIPS).rows
        ]
        for name in table_rows.TABLES
        if name != "cd6me"  # wants several datasets
    }
    for name in ("LBP-TOP", "CapsuleNet", "Bi-WOOF", "GoogLeNet", "VGG16", "FeatRef"):
        assert name in rows["sota"]
    for name in ("OFF-ApexNet", "Dual-Inception", "STSTNet", "SelfME", "HTNet"):
        assert name in rows["sota"]
    assert rows["motion"][:2] == [
        "B-spline registration + ViT",
        "B-spline registration + SCViT",
    ]
    assert rows["motion"][2:] == list(paper.MOTION)
    assert rows["ablation"][0] == "- - -" and rows["ablation"][-1] == "B SC MA"
    assert len(rows["ablation"]) == 8
    assert rows["gamma"] == ["gamma = 1", "gamma = 2", "gamma = 3"]


def test_the_ablation_switches_one_part_each():
    table = table_rows.table("ablation", plan(config("synthetic")), CLIPS)
    for row in table.rows:
        own = changed(config("synthetic"), row.changes)
        assert (own.motion["network"]["sparse"] == "bspline") == (
            "B" in row.name.split()
        )
        assert (own.system.name == "scvit") == ("SC" in row.name)
        assert (own.flow["gamma"] == 2.0) == ("MA" in row.name)


def test_parts_are_each_dataset_alone_and_then_all():
    parts = table_rows.parts(plan(config("flow_images")), Images())
    assert [p.name for p in parts] == ["casme2", "smic", "all"]
    assert parts[0].changes == {"data.datasets": "casme2"}
    assert table_rows.parts(plan(config("synthetic")), CLIPS) == [("synthetic", {})]
    official = config("megc2019")
    parts = table_rows.parts(plan(official), Images())
    assert parts[1].changes["data.name"] == "smic_hs" and not parts[2].changes


@pytest.mark.parametrize(
    "changes, key, matters",
    [
        ({"method": "scvit", "input": "tvl1"}, "scvit.train.steps", True),
        ({"method": "scvit", "input": "tvl1"}, "vit.train.steps", False),
        ({"method": "scvit", "input": "tvl1"}, "motion.train.steps", False),
        ({"method": "scvit", "input": "learned"}, "motion.train.steps", True),
        ({"method": "scvit", "input": "learned"}, "tcae.learning.train.steps", False),
        ({"method": "scvit", "input": "tcae"}, "tcae.learning.train.steps", True),
        ({"method": "scvit", "input": "tcae"}, "tcae.train.steps", False),
        ({"method": "tcae", "input": "tcae_features"}, "tcae.train.steps", True),
        ({"method": "tcae"}, "tcae.learning.train.steps", True),
        ({"method": "scvit", "input": "tvl1"}, "flow.gamma", True),
        ({"method": "scvit", "input": "tvl1"}, "synthetic.subjects", True),
        ({"method": "scvit", "input": "tvl1"}, "engine.motion.log_every", False),
        ({"method": "scvit", "input": "tvl1"}, "data.root", False),
        ({"method": "scvit", "input": "learned"}, "data.root", False),
        ({"method": "scvit", "input": "tvl1"}, "data.datasets", True),
        ({"method": "scvit", "input": "tvl1"}, "bootstrap", True),
    ],
)
def test_what_a_cell_depends_on(changes, key, matters):
    base = changed(config("synthetic"), changes)
    value = base.settings
    for part in key.split("."):
        value = value[part]
    more = value + type(value)(1)
    other = changed(config("synthetic"), {**changes, key: more})
    assert (tables.depends_on(base) != tables.depends_on(other)) is matters


@pytest.mark.parametrize("scope", ["per_fold", "all_subjects"])
def test_the_scope_of_tcae_matters(scope):
    base = changed(config("synthetic"), {"method": "vit", "input": "tcae"})
    changes = {"method": "vit", "input": "tcae", "motion.scope": scope}
    other = changed(config("synthetic"), changes)
    same = tables.depends_on(base) == tables.depends_on(other)
    assert same == (scope == base.scope)


def test_what_is_there_is_told_from_what_was_run(tmp_path, monkeypatch):
    """For the ETA: only what was run took time."""

    def run(place, motion):
        place.folder.mkdir(parents=True)
        place.results.touch()

    monkeypatch.setattr(tables, "_open", lambda plan, run, motion, there: run)
    monkeypatch.setattr(tables, "_run", run)
    row, part = table_rows.Row("SCViT", {}), table_rows.Part("all", {})
    given = (
        Source(config("synthetic"), "test"),
        row,
        part,
        "digest",
        epath.Path(tmp_path),
    )
    (first, ran), (again, ran_again) = tables._cell(*given), tables._cell(*given)
    assert first == again and first.folder
    assert (ran, ran_again) == (True, False)
    changes = {"method": "vit"}
    absent = table_rows.Row("ViT", changes, why_not=tables.NOT_ASKED)
    assert tables._cell(given[0], absent, *given[2:])[1] is False


def test_the_audit_takes_each_system_under_each_variant():
    given = plan(config("flow_images"))
    table = table_rows.table("protocols", given, Images(), ["all"])
    assert table.audit and not [row for row in table.rows if row.why_not]
    names = {row.name.partition(": ")[0] for row in table.rows}
    assert {"STSTNet", "HTNet", "MMNet", "SCViT", "OFF-ApexNet"} <= names
    assert not names & {"LBP-TOP", "TCAE + FC"}  # bring inputs of their own
    assert len(table.rows) == len(names) * len(table_rows.AUDIT)
    two = table_rows.table("protocols", given, Images(), ["vit", "ststnet"])
    made = [changed(config("flow_images"), row.changes) for row in two.rows]
    assert [m.system.name for m in made] == ["vit"] * 4 + ["ststnet"] * 4
    assert [m.protocol.epochs for m in made] == 2 * 2 * ["fixed", "oracle_epoch"]
    assert [m.shuffle_labels for m in made] == 2 * [False, False, True, True]
    for wrong in ("bi_woof", "tcae", "sstnet"):
        with pytest.raises(UserError, match=f"{wrong}: those of flow"):
            table_rows.table("protocols", given, Images(), [wrong])


def test_cd6me_holds_out_datasets_and_is_made_on_all():
    table = table_rows.table("cd6me", plan(config("flow_images")), Images())
    assert table.whole and "2 of MEB's 6" in table.title
    made = [changed(config("flow_images"), row.changes) for row in table.rows]
    assert {m.target for m in made} == {"action_units"}
    assert {m.protocol.split for m in made} == {"leave_one_dataset_out"}
    assert tables._of(table, ["a", "b", "all"]) == ["all"]
