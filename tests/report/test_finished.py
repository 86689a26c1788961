import json

import pytest
from etils import epath

from selfme_jax.report import finished
from selfme_jax.types import UserError
from selfme_jax.workdir import Workdir


def test_reads_what_a_run_left(results, tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(results))
    assert finished.results(Workdir(epath.Path(tmp_path))) == json.loads(
        json.dumps(results)
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "cannot read "),
        (b'{"protocol": {"name"', "cannot read "),
        (b"\xff\xfe{}", "cannot read "),
        (b"[" * 100_000, "cannot read "),
        (b"[]", "it holds a list, no dict"),
        (b"null", "it holds a NoneType, no dict"),
        (b'{"protocol": "LOSO"}', "no protocol.name"),
        (b'{"protocol": {"name": "LOSO"}}', "no protocol.score"),
    ],
)
def test_refuses_what_is_none(text, says, tmp_path):
    (tmp_path / "results.json").write_bytes(text)
    with pytest.raises(UserError, match=says) as raised:
        finished.results(Workdir(epath.Path(tmp_path)))
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("folder", [False, True])
def test_says_that_there_is_none(folder, tmp_path):
    if folder:
        (tmp_path / "results.json").mkdir()
    says = "it is a folder" if folder else "holds no finished run"
    with pytest.raises(UserError, match=says):
        finished.results(Workdir(epath.Path(tmp_path)))
