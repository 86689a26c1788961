"""Advice on extras names where the package came from."""

import json

import pytest

from selfme_jax import extras

FILE = "file:" + "//"


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        (None, "pip install 'selfme-jax[gcs]'"),
        (
            {"url": FILE + "/some/clone", "dir_info": {"editable": True}},
            "pip install --editable '/some/clone[gcs]'",
        ),
        ({"url": FILE + "/a/b", "dir_info": {}}, "pip install '/a/b[gcs]'"),
        (
            {
                "url": "https://x.org/r.git",
                "vcs_info": {"vcs": "git", "commit_id": "1"},
            },
            "pip install 'selfme-jax[gcs] @ git+https://x.org/r.git@1'",
        ),
        (
            {"url": FILE + "/d/selfme_jax-1.whl", "archive_info": {}},
            f"pip install 'selfme-jax[gcs] @ {FILE}/d/selfme_jax-1.whl'",
        ),
    ],
)
def test_the_place_it_was_got_from_is_named(url, advice, monkeypatch):
    class Installed:
        def read_text(self, name):
            assert name == "direct_url.json"
            return json.dumps(url) if url else None

    monkeypatch.setattr(extras.metadata, "distribution", lambda name: Installed())
    assert extras.advice("gcs") == advice


def test_a_clone_that_is_not_installed(monkeypatch):
    def absent(name):
        raise extras.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(extras.metadata, "distribution", absent)
    assert extras.advice("onnx") == "pip install '.[onnx]'"
