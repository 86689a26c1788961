import csv

import numpy as np
import pytest

from selfme_jax.evaluate import predictions
from selfme_jax.types import Predictions, UserError


def test_round_trip_is_exact(rows, tmp_path):
    path = tmp_path / "predictions.csv"
    predictions.write(path, rows)
    again = predictions.read(path)
    assert again.classes == rows.classes
    for name in rows._fields[:-1]:
        np.testing.assert_array_equal(getattr(again, name), getattr(rows, name))
    np.testing.assert_array_equal(again.pred, rows.pred)
    assert [p.name for p in tmp_path.iterdir()] == ["predictions.csv"]


def test_float32_and_awkward_names_survive(tmp_path):
    probs = np.random.default_rng(0).dirichlet((1, 1), 3).astype(np.float32)
    rows = Predictions(
        np.zeros(3, int),
        np.arange(3),
        np.array(["d"] * 3),
        np.array(["01", '1,"x"', "ä b"]),
        np.array(["EP02_01f", "", "c\n2"]),
        np.array([0, 1, 0]),
        probs,
        ("no", "yes, really"),
    )
    predictions.write(tmp_path / "p.csv", rows)
    again = predictions.read(tmp_path / "p.csv")
    np.testing.assert_array_equal(again.probs, probs.astype(float))
    assert again.subject.tolist() == rows.subject.tolist()
    assert again.sample.tolist() == rows.sample.tolist()
    assert again.classes == rows.classes


def test_columns(rows, tmp_path):
    predictions.write(tmp_path / "p.csv", rows)
    with (tmp_path / "p.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    names = ["seed", "fold", "dataset", "subject", "sample", "label", "pred"]
    names += ["prob_negative", "prob_positive", "prob_surprise"]
    assert list(first) == names
    assert first["seed"] == str(rows.seed[0]) and first["label"] == str(rows.label[0])
    assert int(first["pred"]) == rows.probs[0].argmax()


GOOD = "seed,fold,dataset,subject,sample,label,pred,prob_a,prob_b\n"


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "empty"),
        (GOOD, "no rows"),
        (GOOD + "0,0,d,s,c,0,0,0.9\n", "row 1: 8 values for 9 columns"),
        (GOOD + "0,0,d,s,c,0,0,0.9,0.1\n0,0,d,s,c2,x,0,0.9,0.1\n", "row 2: invalid"),
        (GOOD + "0,0,d,s,c,2,0,0.9,0.1\n", "label 2 is outside"),
        (GOOD + "0,0,d,s,c,0,1,0.9,0.1\n", "pred 1 is not"),
        (GOOD + "0,0,d,s,c,0,0,nan,0.1\n", "no probabilities"),
        (GOOD + "0,0,d,s,c,0,0,0.9,0.5\n", "no probabilities"),
        (GOOD + "0,0,d,s,c,0,0,1.9,-0.9\n", "no probabilities"),
        (GOOD.replace("sample", "clip") + "0,0,d,s,c,0,0,0.9,0.1\n", "columns"),
        (GOOD.replace(",prob_b", ",prob_a") + "0,0,d,s,c,0,0,0.9,0.1\n", "columns"),
        (GOOD.split(",prob_a")[0] + "\n0,0,d,s,c,0,0\n", "columns"),
    ],
)
def test_read_refuses(text, says, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=says) as raised:
        predictions.read(path)
    assert str(path) in str(raised.value) and "--stages" in str(raised.value)


UNITS = GOOD.replace("prob_a,prob_b", "prob_au4,prob_au12")


@pytest.mark.parametrize(
    "line, says",
    [
        ("0,0,d,s,c,4+9,4,0.9,0.1", "label 4\\+9 has 9, which no column is"),
        ("0,0,d,s,c,4,4+12,0.9,0.1", "pred 4\\+12 is not what"),
        ("0,0,d,s,c,4,,0.9,0.1", "pred  is not what"),
        ("0,0,d,s,c,4,4,0.9,nan", "no probabilities"),
        ("0,0,d,s,c,4,4,0.9,1.1", "no probabilities"),
        ("99999999999,0,d,s,c,4,4,0.9,0", "seed 99999999999 or fold"),
        (f"0,0,d,{'s' * 1001},c,4,4,0.9,0", "more than 1000 characters"),
        (f"{'9' * 5000},0,d,s,c,4,4,0.9,0", "row 1"),
    ],
)
def test_read_refuses_rows_of_units(line, says, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(f"{UNITS}{line}\n")
    with pytest.raises(UserError, match=says) as raised:
        predictions.read(path)
    assert len(str(raised.value)) < 500


def test_units_round_trip(unit_rows, tmp_path):
    path = tmp_path / "predictions.csv"
    predictions.write(path, unit_rows)
    again = predictions.read(path)
    assert again.classes == unit_rows.classes and again.several
    for name in unit_rows._fields[:-1]:
        np.testing.assert_array_equal(getattr(again, name), getattr(unit_rows, name))
    with path.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0])[5:9] == ["label", "pred", "prob_au1", "prob_au4"]
    for row, label, probs in zip(table, unit_rows.label, unit_rows.probs, strict=True):
        names = np.array(["1", "4", "12", "17", "25"])
        assert row["label"] == "+".join(names[label == 1])
        assert row["pred"] == "+".join(names[probs >= 0.5])


def test_units_that_nobody_shows_are_blank(unit_rows, tmp_path):
    rows = unit_rows._replace(label=0 * unit_rows.label, probs=0 * unit_rows.probs)
    predictions.write(tmp_path / "p.csv", rows)
    assert ",,,0.0" in (tmp_path / "p.csv").read_text()
    again = predictions.read(tmp_path / "p.csv")
    assert not again.label.any() and not again.pred.any()


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        predictions.read(tmp_path / "none.csv")
