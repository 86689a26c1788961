"""How a score came about: what stands beside it in results.json and on the page."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from etils import epath
from ml_collections import ConfigDict

from selfme_jax import files, workdir
from selfme_jax.data import manifest
from selfme_jax.data import protocol as data_protocol
from selfme_jax.types import Dataset, Sample, UserError

# config.input in words.
INPUTS = {
    "learned": "learned motion",
    "tcae": "TCAE's motion",
    "tcae_features": "TCAE's features",
    "tvl1": "TV-L1 flow",
    "images": "given flow images",
    "apex": "apex frames",
    "lbp_top": "clips",
}
LEARNED = ("learned", "tcae", "tcae_features")


def protocol(
    config: ConfigDict, dataset: Dataset, samples: Sequence[Sample]
) -> dict[str, object]:
    """The ``protocol`` of results.json.

    Args:
      config: resolved. dataset: what it names. samples: its samples, as they are used.
    """
    names = {s.dataset for s in samples}
    trained = not (config.method == "ststnet" and config.ststnet.weights)
    scope, init = config.motion.scope, config.motion.init
    if config.input != "learned":
        init = ""
    if config.input not in LEARNED:
        scope = f"none ({INPUTS[config.input]})"
    met = scope == "all_subjects"
    if init:
        met = met or met_before(files.path(init), samples)
    unnamed = bool(init) and learned_from_videos(files.path(init))
    name = "LOSO" if len(names) == 1 else "composite LOSO"
    if config.protocol.split == "cross_database":
        name = "cross-database (trained on the other datasets)"
    rule = config.protocol.epochs
    return {
        "name": name,
        "score": config.protocol.score,
        "epoch_rule": rule if trained else "published weights, not trained here",
        "motion_scope": scope,
        "motion_init": init,
        "pretrained_weights": weights_used(config),
        "labels_shuffled": config.shuffle_labels,
        "saw_test_subject": met,
        "videos_unchecked": unnamed,
        "imitation": getattr(dataset, "imitation", False),
        "partial": data_protocol.partial(samples, dataset.classes),
    }


def weights_used(config) -> str:
    """The file that a method's weights come from, by name and hash; '' = drawn.

    Raises:
      UserError: it is no longer there.
    """
    path = config[config.method].get("weights", "")
    if not path:
        return ""
    try:
        with files.path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(
            f"cannot read {path} (config.{config.method}.weights): results name it by "
            "its hash. Put it back."
        ) from error
    return f"{Path(path).name} (sha256 {digest[:12]})"


def met_before(folder: epath.Path, samples: Sequence[Sample]) -> bool:
    """Whether a pretraining run, or one that it started from, met somebody of these.

    By name: of people in videos nothing is known (``learned_from_videos``).
    """
    path = folder / "manifest.csv"
    met = manifest.people(path) if path.exists() else set()
    if any(s.person in met for s in samples):
        return True
    before = workdir.read_json(folder / "config.json")["motion"]["init"]
    return bool(before) and met_before(files.path(before), samples)


def learned_from_videos(folder: epath.Path) -> bool:
    """Whether a pretraining run, or one that it started from, read unnamed people."""
    config = workdir.read_json(folder / "config.json")
    before = config["motion"]["init"]
    videos = config["data"]["name"] == "video"
    return videos or (bool(before) and learned_from_videos(files.path(before)))
