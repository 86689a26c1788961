import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from etils import epath

from selfme_jax.evaluate import predictions
from selfme_jax.report import html, motion, run, verdict
from selfme_jax.targets import facs
from selfme_jax.types import UserError
from selfme_jax.workdir import Workdir

METRICS = [
    {"stage": "classifier", "chunk": 0, "step": s, "seconds": 1.0, "loss": 1 / s}
    for s in (1, 2, 3)
]
COMMAND = "python -m selfme_jax.main --config=a.py --config.x='<b>'"


class Page(HTMLParser):
    """Tags with attributes, and the text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, made):
    folder = tmp_path_factory.mktemp("workdir")
    rows, results = made
    predictions.write(folder / "predictions.csv", rows)
    field = np.random.default_rng(0).normal(size=(6, 5, 2))
    run.write(
        Workdir(epath.Path(folder)),
        results,
        title="A <method> & co",
        command=COMMAND,
        metrics=METRICS,
        pictures=[motion.Picture("clip", field)],
    )
    return folder


def test_page_is_self_contained(workdir):
    text = (workdir / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not page.open  # every tag is closed
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    sources = [a["src"] for tag, a in page.tags if tag == "img"]
    assert len(sources) == 5
    assert all(s.startswith("data:image/png;base64,") for s in sources)
    assert not re.search(r"https?:|@import|url\(", re.sub(r'src="[^"]*"', "", text))


def test_page_holds_the_figures_that_are_saved(workdir):
    page = Page((workdir / "report.html").read_text(encoding="utf-8"))
    embedded = {
        base64.b64decode(a["src"].split(",")[1]) for tag, a in page.tags if tag == "img"
    }
    names = {p.name for p in (workdir / "figures").iterdir()}
    assert names == {
        f"{n}.png" for n in ("scores", "confusion", "subjects", "curves", "motion")
    }
    assert embedded == {p.read_bytes() for p in (workdir / "figures").iterdir()}


def test_page_says_score_floors_verdict_protocol_origin(workdir, results):
    text = Page((workdir / "report.html").read_text(encoding="utf-8")).text
    assert "A <method> & co" in text and COMMAND in text
    for value in (results["uf1"], results["uar"], *results["ci95"]["uar"]):
        assert f"{value:.3f}" in text
    for floor in results["floors"].values():
        assert f"{floor['uf1']:.3f}" in text
    assert verdict.judge(results).text in text
    assert verdict.protocol(results) in text
    assert all(note in text for note in verdict.notes(results))
    assert "72 clips of 9 subjects" in text
    assert "git abc" in text and "jax 1.2" in text


@pytest.mark.parametrize("beats", [True, False])
def test_verdict_is_marked(tmp_path, results, beats):
    if not beats:
        results["floors"]["linear"]["uf1"] = 0.999
    path = tmp_path / "r.html"
    html.write(path, title="t", results=results, figures={}, command="c")
    page = Page(path.read_text(encoding="utf-8"))
    marks = [a["class"] for _, a in page.tags if "verdict" in a.get("class", "")]
    assert marks == ["verdict beats" if beats else "verdict"]
    assert "img" not in {tag for tag, _ in page.tags}
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_run_refuses_a_folder_without_predictions(tmp_path, results):
    with pytest.raises(UserError, match=r"predictions\.csv"):
        run.write(Workdir(epath.Path(tmp_path)), results, title="t", command="c")


@pytest.fixture(scope="module")
def unit_page(tmp_path_factory, made_units):
    folder = tmp_path_factory.mktemp("units")
    rows, results = made_units
    predictions.write(folder / "predictions.csv", rows)
    run.write(
        Workdir(epath.Path(folder)), results, title="t", command="c", metrics=METRICS
    )
    assert {p.stem for p in (folder / "figures").iterdir()} == {
        *("scores", "units", "subjects", "curves"),
    }
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_page_of_action_units(unit_page, made_units):
    results = made_units[1]
    assert not unit_page.open
    text = unit_page.text
    for key in ("mean_f1", "mean_auc"):
        for value in (results[key], *results["ci95"][key], results[f"{key}_sd"]):
            assert f"{value:.3f}" in text
        for floor in results["floors"].values():
            assert f"{floor[key]:.3f}" in text
    for unit, own in results["aus"].items():
        assert f"{facs.name(unit)} {own['n']} {own['f1']:.3f}" in text
        assert f"{own['n']} AU {unit}" in text
    assert "mean F1, mean of 3 seeds (motion: 5 seeds)" in text
    assert "By action unit" in text and "By class" not in text
    assert verdict.judge(results).text in text and "smic: AU 12" in text
    assert len([1 for tag, _ in unit_page.tags if tag == "img"]) == 4
