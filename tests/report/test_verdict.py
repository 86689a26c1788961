import json

import pytest

from selfme_jax.report import verdict


def test_beats_its_floors(results):
    judged = verdict.judge(results)
    assert judged.beats and judged.text.startswith("Beats its floors")
    assert "exclude 0" in judged.text
    assert verdict.judge(results, "smic").beats


@pytest.mark.parametrize("floor", ["majority", "random", "linear"])
@pytest.mark.parametrize("key", ["uf1", "uar"])
def test_either_score_below_any_floor_is_said(results, floor, key):
    results["floors"][floor][key] = results[key] + 1e-6
    judged = verdict.judge(results)
    assert not judged.beats and judged.text.startswith("Does not beat its floor")
    assert f"{results['uf1']:.3f}/{results['uar']:.3f}" in judged.text
    assert verdict.judge(results, "casme2").beats


def test_equal_is_not_beaten(results):
    results["floors"]["linear"].update(uf1=results["uf1"], uar=results["uar"])
    assert not verdict.judge(results).beats


def test_a_dataset_is_held_against_its_own_floor(results):
    results["floors"]["linear"]["datasets"]["smic"]["uf1"] = 0.999
    assert not verdict.judge(results, "smic").beats
    assert "0.999" in verdict.judge(results, "smic").text
    assert verdict.judge(results).beats


def test_interval_that_holds_zero_is_said(results):
    for margin in results["margins"].values():
        margin["ci95"]["uf1"] = [-0.01, 0.2]
    judged = verdict.judge(results)
    # Only floors with predictions have a paired interval; guessing is one draw away.
    best = max(results["floors"], key=lambda n: results["floors"][n]["uf1"])
    assert judged.beats
    assert ("do not settle it" in judged.text) == (best in results["margins"])
    assert best == "linear" and "which do not both exclude 0" in judged.text
    results["margins"]["linear"]["ci95"]["uar"] = [-0.02, 0.1]
    assert "which include 0: these subjects" in verdict.judge(results).text


@pytest.mark.parametrize(
    "change, says",
    [
        ({"saw_test_subject": True}, "saw the test subject"),
        ({"videos_unchecked": True}, "was not checked"),
        ({"epoch_rule": "oracle_epoch"}, "leak ceiling"),
        ({"labels_shuffled": True}, "Labels were shuffled"),
        ({"partial": "140 of 145 clips of casme2"}, "140 of 145 clips of casme2"),
        ({"imitation": True}, "Synthetic faces"),
    ],
)
def test_notes_on_the_protocol(results, change, says):
    assert not any(says in note for note in verdict.notes(results))
    results["protocol"].update(change)
    assert any(says in note for note in verdict.notes(results))


def test_notes_on_seeds_synthetic_faces_and_absent_classes(results):
    results["seeds"] *= 2
    assert verdict.notes(results) == []
    results["seeds"] = results["seeds"][:1]
    results["datasets"]["synthetic"] = results["datasets"].pop("smic")
    results["datasets"]["casme2"]["class_counts"] = [3, 0, 2]
    notes = " ".join(verdict.notes(results))
    assert "this is one seed" in notes
    assert "Synthetic faces" in notes
    assert "casme2: positive" in notes
    # Published weights are scored once: seeds do not apply.
    results["protocol"]["epoch_rule"] = "published weights, not trained here"
    assert "seed" not in " ".join(verdict.notes(results))


@pytest.mark.parametrize("scope", ["per_fold", "all_subjects", "none (given images)"])
def test_motion_scope_stands_beside_the_score(results, scope):
    results["protocol"]["motion_scope"] = scope
    text = verdict.protocol(results)
    assert "weights" not in text
    assert scope in text and "composite LOSO" in text and "was not seen" in text
    assert ("transductive" in text) == (scope == "all_subjects")


def test_weights_that_others_trained_stand_beside_the_score(results):
    results["protocol"]["pretrained_weights"] = (
        "vgg16.safetensors (sha256 0123456789ab)"
    )
    assert "weights from vgg16.safetensors (sha256 012" in verdict.protocol(results)


def test_of_people_without_names_no_more_is_said_than_is_known(results):
    assert verdict.protocol(results).endswith("was not seen in training.")
    results["protocol"]["videos_unchecked"] = True
    assert verdict.protocol(results).endswith("in training, as far as is known.")


def test_the_better_of_two_linear_floors_counts(results):
    linear = results["floors"]["linear"]
    assert verdict.linear(results) is linear
    other = json.loads(json.dumps(linear))
    other["uf1"] = linear["uf1"] + 0.01
    other["datasets"]["smic"]["uf1"] = linear["datasets"]["smic"]["uf1"] - 0.01
    results["floors"]["linear_standardised"] = other
    assert verdict.linear(results) is other
    assert verdict.linear(results, "smic") is linear["datasets"]["smic"]
    other["uf1"] = other["uar"] = 0.999
    assert "each image divided by its deviation has UF1/UAR 0.999" in (
        verdict.judge(results).text
    )


@pytest.mark.parametrize("floor", ["constant", "prevalence", "linear"])
@pytest.mark.parametrize("key", ["mean_f1", "mean_auc"])
def test_action_units_have_floors_too(unit_results, floor, key):
    judged = verdict.judge(unit_results)
    assert judged.beats and "mean F1 +" in judged.text and "mean AUC +" in judged.text
    unit_results["floors"][floor][key] = unit_results[key]
    judged = verdict.judge(unit_results)
    assert not judged.beats and "mean F1/mean AUC" in judged.text
    assert verdict.judge(unit_results, "casme2").beats


def test_units_that_cannot_be_scored_are_named(unit_results):
    (note,) = [n for n in verdict.notes(unit_results) if "AU" in n]
    assert note.endswith("casme2: AU 25, smic: AU 12, smic: AU 25.")


@pytest.mark.parametrize(
    ("motion", "text", "noted"),
    [
        (0, "mean of 6 seeds", False),
        (1, "mean of 6 seeds (motion: one seed)", True),
        (3, "mean of 6 seeds (motion: 3 seeds)", True),
        (5, "mean of 6 seeds (motion: 5 seeds)", False),
    ],
)
def test_seeds_of_the_motion_network_stand_beside(results, motion, text, noted):
    results["seeds"] *= 2
    results["protocol"]["motion_seeds"] = motion
    assert verdict.seeds(results) == text
    said = [note for note in verdict.notes(results) if "motion network" in note]
    assert bool(said) == noted
