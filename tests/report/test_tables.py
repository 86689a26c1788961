from selfme_jax.report import tables, verdict


def test_text_says_everything(results):
    text = tables.text(results)
    for value in (results["uf1"], results["uar"], *results["ci95"]["uf1"]):
        assert f"{value:.3f}" in text
    for name, floor in results["floors"].items():
        line = next(x for x in text.splitlines() if f"floor: {name}" in x)
        assert f"{floor['uf1']:.3f}" in line and f"{floor['uar']:.3f}" in line
    for name, own in results["datasets"].items():
        line = next(x for x in text.splitlines() if x.startswith(f"| {name}"))
        floor = results["floors"]["linear"]["datasets"][name]
        assert f"{own['uf1']:.3f}" in line and verdict.pair(floor) in line
    flat = " ".join(text.split())
    assert verdict.judge(results).text in flat
    assert "motion_scope per_fold" in flat
    assert all(note in flat for note in verdict.notes(results))


def test_text_fits_a_terminal_and_is_plain(results):
    text = tables.text(results)
    assert max(map(len, text.splitlines())) <= 120
    assert text.isascii() and "\x1b" not in text and "…" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_does_not_beat_its_floor_in_words(results):
    results["floors"]["linear"]["datasets"]["smic"]["uar"] = 0.99
    by_name = {row[0]: row[-1] for row in tables.datasets(results)}
    assert by_name == {"casme2": "yes", "smic": "NO"}
    results["floors"]["linear"]["uf1"] = 0.99
    assert "Does not beat its floor" in tables.text(results)


def test_scores_put_floors_below_the_run_best_first(results):
    names = [row[0] for row in tables.scores(results)]
    both = "mean of 3 seeds (motion: 5 seeds)"
    assert names[:3] == [both, "vote of the seeds", "floor: linear"]
    results["seeds"] = results["seeds"][:1]
    results["protocol"]["motion_seeds"] = 0
    assert [row[0] for row in tables.scores(results)][:2] == [
        "one seed",
        "floor: linear",
    ]


def test_classes_give_f1_recall_and_confusion(results):
    results["confusion"] = [[6, 2, 0], [1, 3, 0], [0, 0, 0]]
    results["class_counts"] = [8, 4, 0]
    rows = tables.details(results)
    assert tables.details_head(results)[4:] == [
        "as negative",
        "as positive",
        "as surprise",
    ]
    assert rows[0][3:] == ("0.750", "6.0", "2.0", "0.0")
    assert rows[1][3:] == ("0.750", "1.0", "3.0", "0.0")
    assert rows[2][1] == "0" and rows[2][3] == "0.000"


def test_text_of_action_units(unit_results):
    text = tables.text(unit_results)
    assert max(map(len, text.splitlines())) <= 120 and text.isascii()
    for unit, own in unit_results["aus"].items():
        line = next(x for x in text.splitlines() if x.startswith(f"| AU {unit}, "))
        floors = unit_results["floors"]
        for value in (
            *(own["f1"], *own["ci95"]["f1"], own["auc"], *own["ci95"]["auc"]),
            floors["constant"]["aus"][unit]["f1"],
            floors["linear"]["aus"][unit]["f1"],
        ):
            assert f"{value:.3f}" in line
    for name in ("constant", "prevalence", "linear"):
        line = next(x for x in text.splitlines() if f"floor: {name}" in x)
        assert f"{unit_results['floors'][name]['mean_f1']:.3f}" in line
    assert "mean F1" in text and "UF1" not in text and "accuracy" not in text


def test_names_are_no_markup_and_fit(results):
    results["datasets"] = {
        "[bold]:smile:[/bold]": results["datasets"]["casme2"],
        "x" * 300: results["datasets"]["smic"],
    }
    for floor in (*results["floors"].values(), *results["margins"].values()):
        floor["datasets"] = dict(
            zip(results["datasets"], floor["datasets"].values(), strict=True)
        )
    text = tables.text(results)
    assert "[bold]:smile:[/bold]" in text and "x...x" in text and "…" not in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert max(map(len, table)) <= 200
