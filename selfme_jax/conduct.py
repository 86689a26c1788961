"""How a score came about: what stands beside it in results.json and on the page."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
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
    line = list(ancestors(init))
    met = scope == "all_subjects" or met_before(line, samples)
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
        "videos_unchecked": any(data == "video" for _, data in line),
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


def ancestors(init: str) -> Iterator[tuple[epath.Path, str]]:
    """(folder, config.data.name) of a pretraining run and of those it started from.

    Args:
      init: config.motion.init; '' = none.
    """
    while init:
        folder = files.path(init)
        config = workdir.read_json(folder / "config.json")
        yield folder, config["data"]["name"]
        init = config["motion"]["init"]


def met_before(
    line: Iterable[tuple[epath.Path, str]], samples: Sequence[Sample]
) -> bool:
    """Whether one of ``ancestors`` met somebody of these, by name.

    Of people in videos nothing is known.
    """
    paths = [folder / "manifest.csv" for folder, _ in line]
    met = {p for path in paths if path.exists() for p in manifest.people(path)}
    return any(s.person in met for s in samples)
