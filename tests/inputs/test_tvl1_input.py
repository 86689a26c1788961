"""First stages that learn nothing: which frames, which way, all of the clips."""

import jax.numpy as jnp
import numpy as np

from selfme_jax.inputs import onset_apex
from selfme_jax.inputs import tvl1 as optical_flow
from selfme_jax.inputs.registered import Registered
from selfme_jax.inputs.registry import INPUTS
from selfme_jax.train.loop import Stage
from selfme_jax.types import Clip, Sample
from selfme_jax.workdir import open_workdir


class Clips:
    """11 clips; the brightness of a frame says which clip and frame it is."""

    samples = tuple(Sample("toy", f"s{i}", "c", 0) for i in range(11))
    classes = ("x",)

    def clip(self, index):
        frames = np.zeros((4 + index % 2, 6, 8, 3), np.uint8)
        frames += (10 * index + np.arange(len(frames)))[:, None, None, None].astype(
            "u1"
        )
        return Clip(frames, 1 + index % 3)


def test_flow_is_backward_onset_to_apex_of_every_clip(monkeypatch, tmp_path):
    def tvl1(frame0, frame1, *, preset):
        assert preset == "opencv" and frame0.shape[1:] == (6, 8, 3)
        return jnp.stack([255 * frame0[..., 0], 255 * frame1[..., 0]], axis=-1)

    monkeypatch.setattr(optical_flow.flow_ops, "tvl1", tvl1)
    stage = Stage("motion", open_workdir(tmp_path), None)
    read = INPUTS["tvl1"].stage({"flow": {"size": 4}}, (6, 8, 3))
    onset_apex.flow_images.clear_cache()  # compiled with the true one, or this
    got = read.fit_transform(Clips(), (), 0, stage)
    onset_apex.flow_images.clear_cache()
    assert got.shape == (1, 11, 4, 4, 3)
    # apex(p) = onset(p + flow(p)): the apex is the first frame of TV-L1's two.
    apex = [10 * i + 1 + i % 3 for i in range(11)]
    onset = [10 * i for i in range(11)]
    np.testing.assert_allclose(got[0, :, 2, 1, 0], apex, atol=1e-3)
    np.testing.assert_allclose(got[0, :, 2, 1, 1], onset, atol=1e-3)
    np.testing.assert_allclose(got[..., 2], 0, atol=1e-4)


def test_registration_is_backward_onset_to_apex(monkeypatch, tmp_path):
    def register(source, driving):
        return jnp.stack([255 * source[..., 0], 255 * driving[..., 0]], axis=-1)

    monkeypatch.setattr(Registered, "find", staticmethod(register))
    stage = Stage("motion", open_workdir(tmp_path), None)
    read = INPUTS["registered"].stage({"flow": {"size": 4}}, (6, 8, 3))
    got = read.fit_transform(Clips(), (), 0, stage)
    assert got.shape == (1, 11, 4, 4, 3)
    onset, apex = 10 * np.arange(11), 10 * np.arange(11) + 1 + np.arange(11) % 3
    np.testing.assert_allclose(got[0, :, 2, 1, 0], onset, atol=1e-3)
    np.testing.assert_allclose(got[0, :, 2, 1, 1], apex, atol=1e-3)


def test_apex_frames_are_the_apexes_as_they_are(tmp_path):
    got = (
        INPUTS["apex"]
        .stage({}, (6, 8, 3))
        .fit_transform(Clips(), (), 0, Stage("motion", open_workdir(tmp_path), None))
    )
    assert got.shape == (1, 11, 6, 8, 3) and got.dtype == np.float32
    apex = np.array([10 * i + 1 + i % 3 for i in range(11)])
    expected = np.broadcast_to(apex[:, None, None, None] / 255, got.shape[1:])
    np.testing.assert_allclose(got[0], expected, atol=1e-6)
