"""Results as plain text for the terminal; the tables are Markdown as well."""

import io
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from selfme_jax.report import measures, verdict, words
from selfme_jax.targets import facs

WIDTH = 100
LONGEST = 40  # letters of a name in a table


def text(results: dict) -> str:
    """Scores beside their floors, by dataset and by class or unit, and the verdict."""
    said = [verdict.judge(results).text, f"Protocol: {verdict.protocol(results)}"]
    said += [f"Note: {note}" for note in verdict.notes(results)]
    drawn = _lines(_tables(results))
    return "\n".join([drawn] + [textwrap.fill(line, WIDTH) for line in said])


def draw(head: Sequence[str], rows: Sequence[tuple[str, ...]]) -> str:
    """One table as plain text, which is Markdown as well."""
    return _lines([_table(list(head), list(rows))])


def listed(names: Sequence[str], most: int = 6) -> str:
    """The first few, and how many more."""
    cut = [words.shorten(name, LONGEST) for name in names[:most]]
    more = len(names) - len(cut)
    return ", ".join(cut) + (f" and {more} more" if more else "")


def counts(results: dict) -> str:
    """'88 negative, 32 positive' or '19 AU 1, 20 AU 2': clips of each."""
    if "classes" in results:
        pairs = zip(results["class_counts"], results["classes"], strict=True)
        return ", ".join(f"{count} {name}" for count, name in pairs)
    return ", ".join(f"{own['n']} AU {unit}" for unit, own in results["aus"].items())


def scores_head(results: dict) -> list[str]:
    """Column names of ``scores``."""
    rest = ["accuracy"] if "accuracy" in results else []
    return ["", *measures.of(results).names, *rest]


def scores(results: dict) -> list[tuple[str, ...]]:
    """Rows (name, both measures, accuracy of classes) of the run, its vote, floors."""
    rows = [_row(verdict.seeds(results), results)]
    if len(results["seeds"]) > 1:
        rows.append(_row("vote of the seeds", results["ensemble"]))
    floors, key = results["floors"], measures.of(results).keys[0]
    for name in sorted(floors, key=lambda n: -floors[n][key]):
        rows.append(_row(f"floor: {name}", floors[name]))
    return rows


def datasets_head(results: dict) -> list[str]:
    """Column names of ``datasets``."""
    names = measures.of(results).names
    return ["dataset", "clips", "subjects", *names, "linear", "beats floors"]


def datasets(results: dict) -> list[tuple[str, ...]]:
    """Rows (dataset, clips, subjects, both measures, linear floor, beats floors)."""
    rows = []
    for name, own in results["datasets"].items():
        floor = verdict.linear(results, name)
        rows.append(
            (
                words.shorten(name, LONGEST),
                str(own["n"]),
                str(own["subjects"]),
                *(interval(own, key) for key in measures.of(own).keys),
                verdict.pair(floor),
                "yes" if verdict.judge(results, name).beats else "NO",
            )
        )
    return rows


def details_head(results: dict) -> list[str]:
    """Column names of ``details``."""
    if "classes" in results:
        names = [f"as {c}" for c in results["classes"]]
        return ["class", "clips", "F1", "recall", *names]
    return ["action unit", "clips", "F1", "AUC", "constant F1", "linear F1/AUC"]


def details(results: dict) -> list[tuple[str, ...]]:
    """Rows of classes (clips, F1, recall, mean count predicted as each class).

    Or of action units: clips, F1 and AUC with intervals, and those of their floors.
    """
    return _classes(results) if "classes" in results else _units(results)


def _classes(results: dict) -> list[tuple[str, ...]]:
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


def _units(results: dict) -> list[tuple[str, ...]]:
    constant = results["floors"]["constant"]["aus"]
    linear = verdict.linear(results)["aus"]
    return [
        (
            facs.name(unit),
            str(own["n"]),
            *(interval(own, key) for key in ("f1", "auc")),
            f"{constant[unit]['f1']:.3f}",
            "/".join(f"{linear[unit][key]:.3f}" for key in ("f1", "auc")),
        )
        for unit, own in results["aus"].items()
    ]


def _tables(results: dict) -> Iterator:
    yield _table(scores_head(results), scores(results))
    if len(results["datasets"]) > 1:
        yield _table(datasets_head(results), datasets(results))
    yield _table(details_head(results), details(results))


def _lines(drawn: Iterable) -> str:
    from rich.console import Console

    # Names of data may hold what rich takes for markup.
    text = io.StringIO()
    console = Console(
        file=text,
        width=2 * WIDTH,
        color_system=None,
        markup=False,
        emoji=False,
        highlight=False,
    )
    for table in drawn:
        console.print(table)
    # rich fills lines up with blanks.
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


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
    rest = [f"{score['accuracy']:.3f}"] if "accuracy" in score else []
    return name, *(_value(score, k) for k in measures.of(score).keys), *rest


def _value(score: dict, key: str) -> str:
    """'0.866 sd 0.012 [0.790, 0.942]', with what there is."""
    if len(score.get("seeds", ())) > 1:
        return interval(score, key, f" sd {score[f'{key}_sd']:.3f}")
    return interval(score, key) if "ci95" in score else f"{score[key]:.3f}"


def interval(score: dict, key: str, between: str = "") -> str:
    """'0.866 [0.790, 0.942]', with what goes between."""
    low, high = score["ci95"][key]
    return f"{score[key]:.3f}{between} [{low:.3f}, {high:.3f}]"
