"""The notebook, cell by cell."""

import json

import command
import pytest
from matplotlib.figure import Figure


@pytest.fixture(scope="module")
def cells():
    text = (command.ROOT / "docs/own_clips.ipynb").read_text()
    found = json.loads(text)
    assert found["nbformat"] == 4
    return [c for c in found["cells"] if c["cell_type"] == "code"]


def test_it_holds_no_outputs(cells):
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)


def test_it_runs(cells, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    names: dict = {}
    for cell in cells:
        exec("".join(cell["source"]), names)
    assert "micro" in capsys.readouterr().out
    assert "micro" in (tmp_path / "intervals.csv").read_text()
    assert isinstance(names["result"].figure(), Figure)
    (pair,) = names["pair"].intervals
    assert pair.kind == "given"
    assert pair.answer.label in names["model"].answerer.classes
