"""What a score means beside its floors and its protocol, in words."""

from typing import NamedTuple

from selfme_jax.report import measures

MOTION = {
    "per_fold": "the motion network of a fold never saw its test subject",
    "all_subjects": "the motion network saw all subjects, the test subject too "
    "(transductive)",
    "pretrained": "the motion network was trained on other videos",
}
EPOCHS = {
    "fixed": "number of epochs fixed beforehand",
    "inner_split": "epochs chosen on other subjects of the training side",
    "oracle_epoch": "best epoch chosen ON THE TEST SUBJECT: a leak ceiling, no score",
    "started": "the mean of two: the built-in model with a head whose ridge was chosen "
    "on training subjects, and a linear model of these",
}
SCORE = {
    "pooled": "predictions pooled over folds",
    "mean_of_folds": "MEAN OF THE SCORES OF SINGLE SUBJECTS",
}
SEEDS = 5  # fewer do not make a reported number


SEEN = {
    True: "was seen in training",
    False: "was not seen in training",
    None: "MAY HAVE BEEN SEEN in training (whom its motion network met is not known)",
}


class Verdict(NamedTuple):
    """Whether a score beats every floor, by both of its measures, and the sentence."""

    beats: bool
    text: str


def judge(results: dict, dataset: str | None = None) -> Verdict:
    """Verdict on all samples, or on those of one dataset.

    Args:
        results: of results.json.
        dataset: one of results["datasets"].
    """
    score = part(results, dataset)
    floors = {n: part(f, dataset) for n, f in results["floors"].items()}
    used = measures.of(score)
    key, names = used.keys[0], "/".join(used.names)
    above = {n: f for n, f in floors.items() if not _beats(score, f)}
    if above:
        name = max(above, key=lambda n: above[n][key])
        return Verdict(
            False,
            f"Does not beat its floor: {used.floors[name]} has {names} "
            f"{pair(above[name])}, this run {pair(score)}.",
        )
    name = max(floors, key=lambda n: floors[n][key])
    text = (
        f"Beats its floors; the best one, {used.floors[name]}, has "
        f"{pair(floors[name])}."
    )
    if name in results["margins"]:  # not for guessing: it has no predictions
        text += f" {_margin(part(results['margins'][name], dataset))}"
    return Verdict(True, text)


def protocol(results: dict) -> str:
    """The protocol, to stand beside the score."""
    used = results["protocol"]
    motion, epochs = used["motion_scope"], used["epoch_rule"]
    start = f", started from {used['motion_init']}" if used["motion_init"] else ""
    file = used["pretrained_weights"]
    weights = f", classifier weights from {file}" if file else ""
    seen = SEEN[used["saw_test_subject"]]
    known = ", as far as is known" if used.get("videos_unchecked") else ""
    meaning = f" ({MOTION[motion]})" if motion in MOTION else ""
    rule = EPOCHS.get(epochs, epochs)
    return (
        f"{used['name']}; {SCORE[used['score']]}; "
        f"motion_scope {motion}{meaning}{start}; {rule}{weights}; "
        f"the test subject {seen}{known}."
    )


def notes(results: dict) -> list[str]:
    """What a reader must know before quoting the score."""
    found = []
    if results["protocol"]["saw_test_subject"]:
        found.append("Training saw the test subject: no subject-independent score.")
    if results["protocol"]["saw_test_subject"] is None:
        found.append(
            "That the motion network has not met the test subjects was not checked: "
            "the run it started from holds no manifest.csv."
        )
    if results["protocol"].get("videos_unchecked"):  # earlier versions lack it
        found.append(
            "Motion was pretrained on videos, whose people have no names: that none of "
            "them is a test subject was not checked."
        )
    if results["protocol"]["epoch_rule"] == "oracle_epoch":
        found.append("The epoch was chosen on the test subject: a leak ceiling only.")
    if results["protocol"]["score"] == "mean_of_folds":
        found.append(
            "Scores of single subjects were averaged, over the classes each shows: no "
            "LOSO score, and not comparable to one."
        )
    trained = results["protocol"]["epoch_rule"] in EPOCHS
    if trained and len(results["seeds"]) < SEEDS:
        found.append(
            f"A reported number needs {SEEDS} seeds; this is {seeds(results)}."
        )
    elif trained and 0 < results["protocol"]["motion_seeds"] < SEEDS:
        motion = _seeds(results["protocol"]["motion_seeds"])
        found.append(
            f"Of the motion network this is {motion}: the deviation over seeds is "
            "mostly that of the classifier."
        )
    if results["protocol"]["labels_shuffled"]:
        found.append("Labels were shuffled: a control, whose score should be chance.")
    if off := results["protocol"].get("key_frames_off"):
        found.append(f"Onset and apex were taken up to {off} frames off: a control.")
    if results["protocol"]["partial"]:
        found.append(f"Partial data, not comparable: {results['protocol']['partial']}.")
    if doubles := results["protocol"].get("doubles"):  # earlier versions lack it
        found.append(f"The test subject may be in training: {doubles}.")
    imitation = results["protocol"]["imitation"]
    if "synthetic" in results["datasets"] or imitation:
        found.append("Synthetic faces: this says nothing about real ones.")
    return found + _absent(results)


def seeds(results: dict) -> str:
    """What the headline score is a mean of: 'mean of 5 seeds (motion: one seed)'."""
    count, motion = len(results["seeds"]), results["protocol"]["motion_seeds"]
    text = f"mean of {count} seeds" if count > 1 else "one seed"
    return f"{text} (motion: {_seeds(motion)})" if motion else text


def part(summary: dict, dataset: str | None) -> dict:
    """The whole, or its part of one dataset."""
    return summary["datasets"][dataset] if dataset else summary


def linear(results: dict, dataset: str | None = None) -> dict:
    """The best linear floor, by the first measure."""
    names = (n for n in results["floors"] if n.startswith("linear"))
    found = [part(results["floors"][n], dataset) for n in names]
    return max(found, key=lambda f: f[measures.of(f).keys[0]])


def pair(score: dict) -> str:
    """'0.851/0.875': both measures."""
    return "/".join(f"{score[key]:.3f}" for key in measures.of(score).keys)


def _beats(score: dict, floor: dict) -> bool:
    return all(score[key] > floor[key] for key in measures.of(score).keys)


def _seeds(count: int) -> str:
    return f"{count} seeds" if count > 1 else "one seed"


def _absent(results: dict) -> list[str]:
    """Classes or action units that some of the data do not show."""
    parts = results["datasets"]
    if "classes" in results:
        absent = [
            f"{name}: {results['classes'][c]}"
            for name, own in parts.items()
            for c, count in enumerate(own["class_counts"])
            if not count
        ]
        text = "Classes without a clip count as 0"
    else:
        absent = [
            f"{name}: AU {unit}"
            for name, own in parts.items()
            for unit in own["left_out"]
        ]
        text = "Not scored, and in no mean, as no clip shows them or every one does"
    return [f"{text}: {', '.join(absent)}."] if absent else []


def _margin(margin: dict) -> str:
    used = measures.of(margin)
    text = ", ".join(
        "{} {:+.3f} [{:+.3f}, {:+.3f}]".format(name, margin[key], *margin["ci95"][key])
        for key, name in zip(used.keys, used.names, strict=True)
    )
    settled = [low > 0 for low, _ in margin["ci95"].values()]
    if all(settled):
        return f"Difference with 95 % intervals {text}, which exclude 0."
    how = "do not both exclude 0" if any(settled) else "include 0"
    return (
        f"Difference with 95 % intervals {text}, which {how}: these subjects do not "
        "settle it."
    )
