"""Table, figures and page of a pretraining run."""

from collections.abc import Sequence

from selfme_jax.report import html, plots, reconstruction, tables
from selfme_jax.report.reconstruction import Picture
from selfme_jax.workdir import Workdir

HEAD = (
    *("gap", "pairs", "L1 onset", "L1 warped", "L1 reconstruction", "change"),
    *("SSIM onset", "SSIM warped", "SSIM reconstruction"),
)


def rows(results: dict) -> list[tuple[str, ...]]:
    """A row a gap, in the order of HEAD; L1 in % of the grey range."""
    found = []
    for gap, score in results["reconstruction"].items():
        onset, generated = score["l1_onset"], score["l1_generated"]
        change = f"{100 * (generated / onset - 1):+.0f} %" if onset else "-"
        l1 = (f"{100 * score[f'l1_{x}']:.2f}" for x in ("onset", "warped", "generated"))
        ssim = (f"{score[f'ssim_{x}']:.4f}" for x in ("onset", "warped", "generated"))
        found.append((gap, str(score["pairs"]), *l1, change, *ssim))
    return found


def text(results: dict) -> str:
    """The same for the terminal."""
    return tables.draw(HEAD, rows(results))


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
        head=HEAD,
        rows=rows(results),
        figures=plots.save(figures, run.figures),
        command=command,
    )
