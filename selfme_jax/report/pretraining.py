"""Table, figures and page of a pretraining run."""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from selfme_jax.report import html, plots, reconstruction, tables
from selfme_jax.report.reconstruction import Picture
from selfme_jax.workdir import Workdir

HEAD = ("gap", "pairs", "onset", "warped", "reconstruction", "change by warping")
# Name of a measure in results.json -> as a title, factor, decimals, sign of 'better'.
MEASURES = {
    "l1": ("L1, % of the grey range, lower is better", 100, 2, -1),
    "ssim": ("SSIM, higher is better", 1, 4, 1),
}


class Verdict(NamedTuple):
    """Whether motion explains the apex better than nothing does, and in words."""

    beats: bool
    text: str


def rows(results: dict, measure: str) -> list[tuple[str, ...]]:
    """A row a gap, in the order of HEAD."""
    _, factor, decimals, _ = MEASURES[measure]
    found = []
    for gap, score in results["reconstruction"].items():
        values = [score[f"{measure}_{x}"] for x in ("onset", "warped", "generated")]
        change = f"{100 * (values[1] / values[0] - 1):+.1f} %" if values[0] else "-"
        shown = (f"{factor * value:.{decimals}f}" for value in values)
        found.append((gap, str(score["pairs"]), *shown, change))
    return found


def verdict(results: dict) -> Verdict:
    """Of every gap: the onset moved by the learned flow against the onset as it is."""
    better: list[str] = []
    worse: list[str] = []
    for gap, score in results["reconstruction"].items():
        gains = [
            sign * (score[f"{measure}_warped"] - score[f"{measure}_onset"])
            for measure, (_, _, _, sign) in MEASURES.items()
        ]
        (better if min(gains) > 0 else worse).append(gap)
    if not better and not worse:
        return Verdict(False, "No held-out pair: nothing is known of this motion.")
    if not worse:
        return Verdict(
            True,
            "Better than doing nothing: moved by the learned flow, the onset is nearer "
            "to the apex than as it is, by L1 and SSIM, at every gap.",
        )
    where = f"at a gap of {', '.join(worse)} frames" if better else "at any gap"
    return Verdict(
        False,
        f"NOT better than doing nothing {where}: moved by the learned flow, the onset "
        "is no nearer to the apex than as it is. Train longer "
        "(--config.motion.train.steps), or on more footage.",
    )


def text(results: dict) -> str:
    """Tables and verdict for the terminal."""
    drawn = [
        f"{title}\n{tables.draw(HEAD, rows(results, measure))}"
        for measure, (title, *_) in MEASURES.items()
    ]
    return "\n".join([*drawn, textwrap.fill(verdict(results).text, tables.WIDTH)])


def write(
    run: Workdir,
    results: dict,
    *,
    command: str,
    metrics: Sequence[dict],
    pictures: Sequence[Picture],
) -> None:
    """Write figures/*.png and report.html.

    Args:
        run: the workdir.
        results: of results.json.
        command: what regenerates the run.
        metrics: rows of metrics.jsonl.
        pictures: pairs to draw.
    """
    figures = {}
    if metrics:
        figures["curves"] = plots.curves(metrics)
    if pictures:
        figures["pairs"] = reconstruction.pictures(pictures)
    html.render(
        run.report,
        "pretraining.html.j2",
        title="Motion, pretrained",
        results=results,
        judged=verdict(results),
        head=HEAD,
        tables=[(title, rows(results, m)) for m, (title, *_) in MEASURES.items()],
        figures=plots.save(figures, run.figures),
        command=command,
    )
