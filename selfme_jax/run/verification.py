"""The table of what an official release holds, and what it lacks, by name."""

from collections import Counter

from selfme_jax.data.releases.inspection import Survey
from selfme_jax.report import tables


def text(found: Survey, classes: tuple[str, ...]) -> str:
    """Found / expected clips per subject and class, then whatever is odd."""
    lines = [tables.draw(("subject", *classes, "all"), _rows(found, classes))]
    lines += [f"missing: {name} ({why})" for name, why in found.unusable.items()]
    for clip in found.usable:
        name = clip.entry.name
        if clip.missing:
            lines.append(f"frames missing: {name}: {_ranges(clip.missing)}")
        lines += [f"odd: {name}: {note}" for note in clip.notes]
    lines += [f"same content: {', '.join(names)}" for names in found.duplicates]
    sources = Counter(clip.apex_source for clip in found.usable)
    apexes = ", ".join(f"{count} {how}" for how, count in sorted(sources.items()))
    lines.append(f"apex: {apexes or 'none'}")
    if found.imitation:
        lines.append("synthetic: this is an imitation of the release")
    return "\n".join(lines)


def _rows(found: Survey, classes: tuple[str, ...]) -> list[tuple[str, ...]]:
    have = Counter(_place(clip.entry) for clip in found.usable)
    want = Counter(_place(entry) for entry in found.entries)
    people = sorted({person for person, _ in want})

    def row(name, chosen):
        counts = [
            (
                sum(have[person, label] for person in chosen),
                sum(want[person, label] for person in chosen),
            )
            for label in range(len(classes))
        ]
        counts.append(tuple(map(sum, zip(*counts, strict=True))))
        return (name, *(f"{a} / {b}" if b else "-" for a, b in counts))

    several = len({person[0] for person in people}) > 1
    names = ["/".join(person) if several else person[1] for person in people]
    rows = [row(name, [person]) for name, person in zip(names, people, strict=True)]
    return [*rows, row("all", people)]


def _place(entry) -> tuple[tuple[str, str], int]:
    return (entry.dataset, entry.subject), entry.label


def _ranges(runs: tuple[tuple[int, int], ...]) -> str:
    """((3, 5), (9, 9)) -> '3-5, 9'."""
    return ", ".join(f"{a}-{b}" if b > a else str(a) for a, b in runs)
