"""Results as plain text for the terminal; the tables are Markdown as well."""

import io
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from selfme_jax.report import verdict

WIDTH = 100
SCORES = ("", "UF1", "UAR", "accuracy")
DATASETS = ("dataset", "clips", "subjects", "UF1", "UAR", "linear", "beats floors")


def text(results: dict) -> str:
    """Scores beside their floors, per dataset and per class, and the verdict."""
    words = [verdict.judge(results).text, f"Protocol: {verdict.protocol(results)}"]
    words += [f"Note: {note}" for note in verdict.notes(results)]
    drawn = _lines(_tables(results))
    return "\n".join([drawn] + [textwrap.fill(line, WIDTH) for line in words])


def draw(head: Sequence[str], rows: Sequence[tuple[str, ...]]) -> str:
    """One table as plain text, which is Markdown as well."""
    return _lines([_table(list(head), list(rows))])


def scores(results: dict) -> list[tuple[str, ...]]:
    """Rows (name, UF1, UAR, accuracy) of the run, its vote and its floors."""
    rows = [_row(verdict.seeds(results), results)]
    if len(results["seeds"]) > 1:
        rows.append(_row("vote of the seeds", results["ensemble"]))
    floors = results["floors"]
    for name in sorted(floors, key=lambda n: -floors[n]["uf1"]):
        rows.append(_row(f"floor: {name}", floors[name]))
    return rows


def datasets(results: dict) -> list[tuple[str, ...]]:
    """Rows (dataset, clips, subjects, UF1, UAR, linear floor, beats its floors)."""
    rows = []
    for name, own in results["datasets"].items():
        floor = verdict.linear(results, name)
        rows.append(
            (
                name,
                str(own["n"]),
                str(own["subjects"]),
                *(_interval(own, key) for key in ("uf1", "uar")),
                verdict.pair(floor),
                "yes" if verdict.judge(results, name).beats else "NO",
            )
        )
    return rows


def classes_head(results: dict) -> list[str]:
    """Column names of ``classes``."""
    return ["class", "clips", "F1", "recall"] + [f"as {c}" for c in results["classes"]]


def classes(results: dict) -> list[tuple[str, ...]]:
    """Rows (class, clips, F1, recall, mean count predicted as each class)."""
    rows = []
    for i, name in enumerate(results["classes"]):
        counts, n = results["confusion"][i], results["class_counts"][i]
        recall = counts[i] / n if n else 0.0
        rows.append(
            (
                name,
                str(n),
                f"{results['per_class_f1'][i]:.3f}",
                f"{recall:.3f}",
                *(f"{count:.1f}" for count in counts),
            )
        )
    return rows


def _tables(results: dict) -> Iterator:
    yield _table(list(SCORES), scores(results))
    if len(results["datasets"]) > 1:
        yield _table(list(DATASETS), datasets(results))
    yield _table(classes_head(results), classes(results))


def _lines(drawn: Iterable) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=2 * WIDTH, color_system=None)
    for table in drawn:
        console.print(table)
    # rich fills lines up with blanks.
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def _table(head: list[str], rows: list[tuple[str, ...]]) -> object:
    from rich import box
    from rich.table import Table

    table = Table(box=box.MARKDOWN)
    for i, name in enumerate(head):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _row(name: str, score: dict) -> tuple[str, ...]:
    return name, *(_value(score, k) for k in ("uf1", "uar")), f"{score['accuracy']:.3f}"


def _value(score: dict, key: str) -> str:
    """'0.866 sd 0.012 [0.790, 0.942]', with what there is."""
    if len(score.get("seeds", ())) > 1:
        return _interval(score, key, f" sd {score[f'{key}_sd']:.3f}")
    return _interval(score, key) if "ci95" in score else f"{score[key]:.3f}"


def _interval(score: dict, key: str, between: str = "") -> str:
    low, high = score["ci95"][key]
    return f"{score[key]:.3f}{between} [{low:.3f}, {high:.3f}]"
