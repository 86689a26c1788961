"""The command that makes tables, as a user starts it."""

import csv
import shutil

import command
import pytest

from selfme_jax import tables

SMALL = (
    *command.TINY,
    "--config.seeds=1",
    "--config.scvit.train.steps=3",
    "--config.engine.classifier.runs_per_device=0",
)


def run(*arguments):
    return command.run(*arguments, module="selfme_jax.tables")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return command.write_flow_images(tmp_path_factory.mktemp("data") / "flow")


def test_tables_are_made_and_made_again_from_what_is_there(data, tmp_path):
    flags = (
        "--table=protocols",
        command.CONFIG,
        f"--config.data.root={data}",
        *SMALL,
        f"--workdir={tmp_path / 'run'}",
    )
    done = run(*flags)
    assert done.code == 0, done.err
    first = done.out.splitlines()[0]
    assert first.startswith("tables protocols: 7 cells on toy, 1 seed(s)")
    with (tmp_path / "run/protocols/table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["row"] for r in rows[:3]] == [
        "pooled, fixed epochs",
        "best epoch on the test subject",
        "mean of folds",
    ]
    by_name = {r["row"]: r for r in rows}
    fixed, oracle = rows[0], rows[1]
    assert float(oracle["uf1"]) >= float(fixed["uf1"])
    assert oracle["epoch_rule"] == "oracle_epoch"
    # Scored by another rule, not run again.
    mean = by_name["mean of folds"]
    assert mean["folder"] == by_name["pooled, fixed epochs"]["folder"]
    assert mean["score_rule"] == "mean_of_folds"
    alone = by_name["leave one dataset out"]
    assert "at least two datasets" in alone["why_not"] and not alone["uf1"]
    again = run(*flags)
    assert again.code == 0 and "compiling" not in again.out
    assert again.out.split("## ")[1] == done.out.split("## ")[1]
    # Nor where the data lie elsewhere; other data are other cells.
    moved = shutil.copytree(data, tmp_path / "moved")
    flags = *flags, f"--config.data.root={moved}"
    again = run(*flags)
    assert again.code == 0 and "compiling" not in again.out
    assert again.out.split("## ")[1] == done.out.split("## ")[1]
    shutil.copy(moved / "p1_0.png", moved / "p1_1.png")
    other = run(*flags, "--rows=mean of folds")
    assert other.code == 0 and "compiling" in other.out


def test_the_audit_is_one_page_by_one_command(data, tmp_path):
    done = run(
        "--table=protocols",
        "--systems=scvit,ststnet",
        "--rows=SCViT: fixed epochs,SCViT: oracle epoch",
        command.CONFIG,
        f"--config.data.root={data}",
        *SMALL,
        f"--workdir={tmp_path / 'run'}",
    )
    assert done.code == 0, done.err
    made = tmp_path / "run/protocols"
    assert {"audit.html", "audit.png", "audit.csv"} <= {p.name for p in made.iterdir()}
    with (made / "audit.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["system"], second["system"]) == ("SCViT", "STSTNet")
    fixed, oracle = first["fixed epochs: uf1"], first["oracle epoch: uf1"]
    gain = float(oracle) - float(fixed)
    assert gain >= 0 and float(first["gain"]) == pytest.approx(gain)
    assert not first["shuffled: uf1"] and not second["fixed epochs: uf1"]
    assert "oracle - fixed" in done.out


def test_bad_flags_are_a_line(data, tmp_path):
    done = run("--table=sotta", command.CONFIG)
    assert done.code == 2
    assert done.err.startswith("error: --table=sotta: give one or more of sota")
    done = run(
        "--table=ablation",
        command.CONFIG,
        f"--config.data.root={data}",
    )
    assert done.code == 2 and "learns motion" in done.err


def test_rows_alone_and_those_that_are_there(data, tmp_path):
    flags = (
        "--table=sota",
        command.CONFIG,
        f"--config.data.root={data}",
        *SMALL,
        "--config.vit.train.steps=3",
        f"--workdir={tmp_path / 'run'}",
    )
    for rows, there in (("TV-L1 + SCViT", 1), ("Bi-WOOF,LBP-TOP", 2)):
        done = run(*flags, f"--rows={rows}")
        assert done.code == 0, done.err
        with (tmp_path / "run/sota/table.csv").open(newline="") as file:
            found = {r["row"]: r for r in csv.DictReader(file)}
        assert sum(bool(r["uf1"]) for r in found.values()) == there
    assert found["TV-L1 + SCViT"]["uf1"] and found["Bi-WOOF"]["uf1"]
    assert found["VGG16"]["why_not"] == "not run yet (--rows)"
    assert "frames" in found["LBP-TOP"]["why_not"]  # asked for, but cannot be had
    done = run(*flags, "--rows=VGG17")
    assert done.code == 2 and "VGG16" in done.err


def test_rows_whose_names_have_commas_can_be_named():
    known = ["pooled, fixed epochs", "labels shuffled", "labels shuffled, best, too"]
    for names in (known, known[::-1], known[1:2], ["labels shuffled", "nothing"]):
        assert tables._whole(", ".join(names).split(", "), known) == names


def test_a_pod_makes_the_same_tables(data, tmp_path):
    """Two processes; the rows of one share a run, which a third row is left out of."""
    flags = (
        "--table=protocols",
        "--rows=mean of folds,labels shuffled",
        command.CONFIG,
        f"--config.data.root={data}",
        *SMALL,
    )
    alone = run(*flags, f"--workdir={tmp_path / 'alone'}")
    assert alone.code == 0, alone.err
    where = f"--workdir={tmp_path / 'pod'}"
    workers = command.pod(2, *flags, where, module="selfme_jax.tables")
    said = command.ends(workers)
    assert [ended.code for ended in said] == [0, 0], said
    told = ["results in" in out for _, out, _ in said]
    assert told == [True, False]  # one of them speaks
    one, two = (
        (tmp_path / name / "protocols" / "table.csv").read_text().splitlines()
        for name in ("alone", "pod")
    )
    assert [row.replace("alone", "pod") for row in one] == two
