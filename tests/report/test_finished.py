import json

import pytest
from etils import epath

from selfme_jax.report import finished
from selfme_jax.types import UserError


def test_reads_what_a_run_left(results, tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(results))
    assert finished.results(epath.Path(tmp_path)) == json.loads(json.dumps(results))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "not readable JSON"),
        (b'{"protocol": {"name"', "not readable JSON"),
        (b"\xff\xfe{}", "not readable JSON"),
        (b"[" * 100_000, "not readable JSON"),
        (b"[]", "no protocol.name"),
        (b"null", "no protocol.name"),
        (b'{"protocol": "LOSO"}', "no protocol.name"),
        (b'{"protocol": {"name": "LOSO"}}', "no protocol.score"),
    ],
)
def test_refuses_what_is_none(text, says, tmp_path):
    (tmp_path / "results.json").write_bytes(text)
    with pytest.raises(UserError, match=says) as raised:
        finished.results(epath.Path(tmp_path))
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("folder", [False, True])
def test_says_that_there_is_none(folder, tmp_path):
    if folder:
        (tmp_path / "results.json").mkdir()
    with pytest.raises(UserError, match="holds no finished run"):
        finished.results(epath.Path(tmp_path))
