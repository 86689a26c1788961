"""Faces found before, kept in a file."""

import contextlib
import hashlib
import json
from pathlib import Path

import numpy as np

from selfme_jax.data.faces import framing
from selfme_jax.data.faces.framing import Similarity


class FaceCache:
    """Faces found before, by the content of the onset; kept in a JSON file."""

    def __init__(self, path: Path, detector: str):
        self._path, self._detector = path, detector
        self._known: dict[str, dict]
        try:
            found = json.loads(path.read_text())
            self._known = {
                key: {"clip": value["clip"], "face": [float(v) for v in value["face"]]}
                for key, value in found.items()
                if len(value["face"]) == len(Similarity._fields)
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            self._known = {}  # none, or damaged: faces are looked for anew

    def find(self, name: str, onset: np.ndarray) -> Similarity | None:
        """See the function; ``name`` is the clip's, for whoever reads the file."""
        key = f"{self._detector} {hashlib.sha256(onset.tobytes()).hexdigest()}"
        if key not in self._known:
            found = framing.find(onset, detector=self._detector)
            if found is None:
                return None
            self._known[key] = {"clip": name, "face": list(found)}
        return Similarity(*self._known[key]["face"])

    def write(self) -> None:
        """Keep what was found, if it can be; a kill in between leaves the old file."""
        if not self._known:
            return
        with contextlib.suppress(OSError):  # it is looked for anew then
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial = self._path.with_suffix(".partial")
            partial.write_text(json.dumps(self._known, indent=1) + "\n")
            partial.replace(self._path)
