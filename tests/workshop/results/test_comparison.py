"""Comparisons: every row is the detector's own figure, work is resumed, and pairs are pairs."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from promptad_tutorial.benchmark import methods, report
from promptad_tutorial.benchmark.measure import KEY
from promptad_tutorial.benchmark.test_set import FIGURES, TestSet
from promptad_tutorial.datasets import draw_shots, mask_at
from promptad_tutorial.datasets.shots import draw_unsorted_shots
from promptad_tutorial.detectors import CoOp, PromptAD, VisualMemory, WinCLIP, ZeroShot
from promptad_tutorial.learning.config import PromptADConfig, Traps
from promptad_tutorial.prompts.words import GENERIC_STATES
from promptad_tutorial.scoring.metrics import evaluate
from workshop.results import comparison, sets
from workshop.results.comparison import Plan, compare

QUICK = PromptADConfig(steps=2, n_normal_prompts=1, n_anomaly_suffixes=1)
LADDER = methods.ladder(QUICK)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(LADDER, shots=(1, 2), seeds=(0, 1), map_size=16)


@pytest.fixture(scope="module")
def compared(plan, small_backbone, two_lines, tmp_path_factory) -> tuple[pd.DataFrame, Path]:
    parts = tmp_path_factory.mktemp("parts")
    return compare(plan, small_backbone, two_lines, parts, jobs=1), parts


def test_every_method_line_shot_and_seed_has_one_row(compared):
    table, _ = compared
    assert not table.duplicated(KEY).any()
    without_shots = {"zero-shot", "WinCLIP"}
    for method in LADDER:
        rows = table[table["method"] == method.name]
        assert len(rows) == (2 if method.name in without_shots else 2 * 2 * 2), method.name
        assert (set(rows["shots"]) == {0}) == (method.name in without_shots)
    figures = table[list(FIGURES)].to_numpy(dtype=float)
    assert np.isfinite(figures).all() and (figures >= 0).all() and (figures <= 100).all()


@pytest.mark.parametrize("name", ["CoOp, two-class", "SC", "PromptAD", "SC + EAM + alignment"])
def test_a_row_is_what_the_detector_itself_gives(compared, small_backbone, two_lines, name):
    table, _ = compared
    backbone, line = small_backbone(), two_lines.load("wood")
    sc = replace(QUICK, use_memory=False, margin_weight=0.0, alignment_weight=0.0, map_size=16)
    detector = {
        "CoOp, two-class": CoOp(backbone, "wood", replace(QUICK, map_size=16)),
        "SC": PromptAD(backbone, "wood", sc),
        "PromptAD": PromptAD(backbone, "wood", replace(QUICK, map_size=16)),
        "SC + EAM + alignment": PromptAD(
            backbone, "wood", replace(QUICK, map_size=16, use_memory=False)
        ),
    }[name]
    shots = sorted(s.image for s in draw_shots(line.train, 2, 1))
    detector.fit_features(detector.encode(shots), torch.Generator().manual_seed(1))
    found = detector.score([s.image for s in line.test])
    masks = np.stack([mask_at(s, (16, 16)) for s in line.test])
    labels = np.array([s.label for s in line.test])
    expected = asdict(evaluate(labels, found.image_scores, masks, found.anomaly_maps))
    at = (table["method"] == name) & (table["product_line"] == "wood")
    row = table[at & (table["shots"] == 2) & (table["seed"] == 1)].iloc[0]
    for figure in FIGURES:
        assert row[figure] == pytest.approx(100 * expected[figure], abs=1e-2), figure
    assert row["checksum"] == backbone.checksum and row["backbone"] == backbone.label


def test_a_stopped_comparison_goes_on_where_it_stopped(
    compared, plan, small_backbone, two_lines, tmp_path, monkeypatch
):
    table, parts = compared
    kept = sorted(parts.glob("*.csv"))
    assert len(kept) == 4
    for path in kept[:-1]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    half = pd.read_csv(kept[-1])
    half[half["shots"] < 2].to_csv(tmp_path / kept[-1].name, index=False)
    fits = []
    fit = PromptAD.fit_features
    monkeypatch.setattr(
        PromptAD, "fit_features", lambda self, *rest: fits.append(self.name) or fit(self, *rest)
    )
    again = compare(plan, small_backbone, two_lines, tmp_path, jobs=1)
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), table.drop(columns="seconds"))
    assert len(fits) == 7  # of one line, seed and number of shots: 2 of CoOp, 4 of SC, PromptAD


def test_results_of_other_weights_are_refused(compared, plan, small_backbone, two_lines):
    with pytest.raises(ValueError, match="results of other weights"):
        compare(plan, lambda: small_backbone("small-quickgelu"), two_lines, compared[1], jobs=1)


def test_a_line_without_anomalous_pictures_is_named(two_lines):
    line = two_lines.load("wood")
    good = replace(line, test=tuple(s for s in line.test if s.label == 0))
    with pytest.raises(ValueError, match="4 good and 0 anomalous"):
        TestSet.of(good, 16)


# --- methods --------------------------------------------------------------------------------


def test_the_ladder_is_one_idea_a_step(small_backbone):
    made = {m.name: m.make(small_backbone(), "nut", 24) for m in methods.ladder()}
    paper = PromptADConfig(map_size=24)
    kinds = {
        "zero-shot": ZeroShot,
        "memory": VisualMemory,
        "WinCLIP": WinCLIP,
        "CoOp, pull only": CoOp,
        "CoOp, two-class": CoOp,
    }
    assert all(type(made[name]) is kind for name, kind in kinds.items())
    assert (made["CoOp, pull only"].form, made["CoOp, two-class"].form) == (
        "pull-only",
        "two-class",
    )
    text = replace(paper, use_memory=False)
    sc = replace(text, margin_weight=0.0, alignment_weight=0.0)
    assert made["SC"].config == sc
    assert made["SC, manual"].config == replace(sc, n_anomaly_suffixes=0)
    assert made["SC, learnt"].config == replace(sc, states=())
    assert made["SC + EAM"].config == replace(sc, margin_weight=1.0)
    assert made["SC + EAM + alignment"].config == text
    assert made["PromptAD"].config == paper


def test_traps_are_one_at_a_time_and_then_all():
    found = {m.name: m.traps for m in sets.traps()}
    assert found.pop("paper") == Traps() and found.pop("released") == Traps.all()
    assert tuple(found) == Traps.names()
    for name, on in found.items():
        assert [k for k, v in asdict(on).items() if v] == [name]


def test_a_sweep_changes_one_setting(small_backbone):
    paper = asdict(PromptADConfig())
    for method in sets.sweeps():
        config = asdict(method.make(small_backbone(), "nut", 240).config)
        differs = [k for k in config if config[k] != paper[k]]
        if method.name in ("paper", "own states"):
            assert differs == [] and method.own_states == (method.name == "own states")
        else:
            name, value = method.name.split("=")
            assert differs == [name] and config[name] == float(value)


def test_own_states_are_the_names_of_the_defects(small_backbone, two_lines, monkeypatch):
    seen = []
    fit = PromptAD.fit_features
    monkeypatch.setattr(
        PromptAD, "fit_features", lambda self, *r: seen.append(self.config.states) or fit(self, *r)
    )
    own = methods.configured("own states", QUICK, own_states=True)
    plan = Plan((own,), shots=(1,), seeds=(0,), map_size=16)
    comparison.measure_line(plan, small_backbone(), two_lines.load("wood"), 0)
    own_names = tuple(f"{{}} with {name}" for name in ("hole", "print", "scratch", "stain"))
    assert seen == [(*GENERIC_STATES, *own_names)]


def test_unknown_methods_are_named():
    with pytest.raises(ValueError, match="expected methods among zero-shot, .*; got nothing"):
        methods.chosen(LADDER, ["nothing"])
    found = methods.chosen(LADDER, ["SC + EAM + alignment"])
    assert [m.name for m in found] == ["PromptAD", "SC + EAM + alignment"]


def test_unsorted_shots_are_another_draw_for_each_k(two_lines):
    samples = two_lines.load("wood").train
    drawn = {k: draw_unsorted_shots(samples, k, 0) for k in (1, 2, 4)}
    assert [len(set(d)) for d in drawn.values()] == [1, 2, 4]
    assert drawn[2] == draw_unsorted_shots(samples, 2, 0)
    seeds = range(20)
    nested = [
        draw_unsorted_shots(samples, 2, s)[:1] == draw_unsorted_shots(samples, 1, s) for s in seeds
    ]
    assert not all(nested)
    with pytest.raises(ValueError, match="shots must be between 1 and the 4"):
        draw_unsorted_shots(samples, 5, 0)


# --- report ---------------------------------------------------------------------------------


def by_hand() -> pd.DataFrame:
    rows = []
    for line, bonus in (("a", 0.0), ("b", 4.0), ("c", 2.0)):
        rows.append((line, "none", 0, 0, 60.0))
        for seed in (0, 1):
            rows.append((line, "old", 1, seed, 70.0 + seed))
            rows.append((line, "new", 1, seed, 71.0 + seed + bonus))
    table = pd.DataFrame(rows, columns=[*KEY, "image_auroc"])
    return table.assign(**{figure: table["image_auroc"] for figure in FIGURES})


def test_means_are_over_lines_and_spread_over_seeds():
    found = report.summary(by_hand()).set_index("method")
    assert found.loc["new", "image_auroc_mean"] == pytest.approx(71 + 2 + 0.5)
    assert found.loc["new", "image_auroc_std"] == pytest.approx(np.std([73, 74], ddof=1))
    assert found.loc["new", ["seeds", "lines"]].tolist() == [2, 3]
    assert np.isnan(found.loc["none", "image_auroc_std"])


def test_differences_are_paired_by_line():
    pairs = [("new", "old"), ("new", "none")]
    found = report.paired_differences(by_hand(), pairs).set_index("against")
    differences = np.array([1.0, 5.0, 3.0])
    low, high = stats.t.interval(0.95, 2, differences.mean(), stats.sem(differences))
    assert found.loc["old", ["difference", "low", "high"]].tolist() == pytest.approx([3, low, high])
    assert found.loc["old", ["lines", "better", "shots"]].tolist() == [3, 3, 1]
    assert found.loc["none", "difference"] == pytest.approx(71.5 + 2 - 60)


def test_there_is_no_mean_over_only_those_lines_that_have_a_figure():
    rows = [
        {"product_line": line, "method": "zero-shot", "shots": 0, "seed": 0}
        | dict.fromkeys(FIGURES, 50.0)
        | ({"pixel_auroc": float("nan")} if line == "own" else {})
        for line in ("bottle", "own")
    ]
    found = report.summary(pd.DataFrame(rows)).iloc[0]
    assert found["image_auroc_mean"] == 50 and np.isnan(found["pixel_auroc_mean"])
    assert report.summary(pd.DataFrame(rows[:1])).iloc[0]["pixel_auroc_mean"] == 50


def test_paired_differences_without_masks_are_those_of_the_image_level_alone():
    rows = [
        {"product_line": line, "method": method, "shots": shots, "seed": 0}
        | dict.fromkeys(FIGURES, float("nan"))
        | {"image_auroc": 50.0 + shots}
        for line in ("a", "b")
        for method, shots in (("zero-shot", 0), ("SC", 1))
    ]
    found = report.paired_table(pd.DataFrame(rows), [("SC", "zero-shot")])
    assert found[["shots", "difference", "lines", "figure"]].to_numpy().tolist() == [
        [1, 1.0, 2, "image_auroc"]
    ]
    assert found["shots"].dtype == int
