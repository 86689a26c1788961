"""The model card: what was trained on whom, how it scored, what its files are."""

from pathlib import Path

import jax

from selfme_jax.exporting import template
from selfme_jax.inference import bundle
from selfme_jax.inference.model import Model
from selfme_jax.report import measures, tables, verdict


def write(
    folder: Path,
    kind: str,
    made: Model,
    *,
    results: dict,
    origin: dict,
    sums: dict[str, str],
    right: str,
) -> None:
    """Write README.md.

    Args:
      folder: of the export. kind: its format. made: what is in it.
      results: results.json of the run that trained it.
      origin: fold, seed, refit and versions, as in config.json.
      sums: SHA-256 of its other files by name.
      right: '5 of 6', clips of those held out that this very classifier got right.
    """
    text = template.render(
        "card.md.j2",
        kind=kind,
        version=bundle.VERSION,
        model=made,
        results=results,
        origin=origin,
        sums=sums,
        own=right,
        arrays=count(made.variables),
        verdict=verdict,
        tables=tables,
        measures=measures.of(results),
        outputs=made.outputs(),
    )
    (folder / bundle.CARD).write_text(text)


def count(variables: dict) -> dict[str, int]:
    """Numbers in the arrays of each part."""
    return {k: sum(x.size for x in jax.tree.leaves(v)) for k, v in variables.items()}
