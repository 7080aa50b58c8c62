"""The figures that results/told/README.md states are those of the tables beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

TOLD = Path(__file__).resolve().parents[3] / "results" / "told"
PAGE = (TOLD / "README.md").read_text(encoding="utf-8").replace("\N{MINUS SIGN}", "-")


def paired(table: str, method: str, figure: str = "image_auroc") -> pd.Series:
    rows = pd.read_csv(TOLD / f"{table}_paired.csv")
    return rows[(rows["method"] == method) & (rows["figure"] == figure)].iloc[0]


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.split(f"## {title}\n")[1], flags=re.MULTILINE)[0]


STATED = {  # (section, table, method, figure): what the page says, with places for the three
    ("Traps", "traps", "test_selected", "image_auroc"): "{d:+.1f} points, {low:.1f} to {high:.1f}",
    ("Traps", "traps", "test_selected", "pixel_auroc"): "{d:+.1f}, {low:.1f} to {high:.1f}",
    ("Traps", "traps", "released", "image_auroc"): "{less:.1f} points below the paper's at image",
    ("Traps", "traps", "released", "pixel_auroc"): "{d:.1f} above at pixel level ({low:.1f} to",
    ("Traps", "traps", "log_temperature", "image_auroc"): "costs {less:.1f} points",
    ("Traps", "traps", "log_temperature", "pixel_auroc"): "is a gain ({d:+.1f})",
    ("Traps", "traps", "test_images_bgr", "image_auroc"): "cost most on average ({less:.1f})",
    ("Set", "sweeps", "n_anomaly_suffixes=0", "image_auroc"): "{d:+.1f} ({low:.1f} to {high:.1f})",
    ("Set", "sweeps", "n_anomaly_suffixes=8", "image_auroc"): "{d:+.1f} ({low:.1f} to {high:.1f})",
    ("Set", "sweeps", "alignment_weight=10.0", "image_auroc"): "alignment weight 10 {d:+.1f} (",
    ("Set", "sweeps", "learning_rate=0.0005", "image_auroc"): "{d:+.1f} ({low:.1f} to {high:.1f})",
    ("Set", "sweeps", "learning_rate=0.02", "image_auroc"): "{d:+.1f}, and it is undecided",
}
TITLES = {"Traps": "Traps of the released code", "Set": "Settings"}


@pytest.mark.parametrize("key", STATED, ids="-".join)
def test_a_stated_difference_is_the_tables(key):
    title, table, method, figure = key
    row = paired(table, method, figure)
    values = {"d": row["difference"], "less": -row["difference"]}
    said = STATED[key].format(**values, low=row["low"], high=row["high"])
    assert said in section(TITLES[title])


def test_what_excludes_zero_is_what_the_page_names():
    for table, expected in (
        ("traps", {("test_selected", 1), ("test_selected", 0), ("log_temperature", 1)}),
        (
            "sweeps",
            {
                (name, 1)
                for name in (
                    "n_anomaly_suffixes=0",
                    "n_anomaly_suffixes=8",
                    "margin=0.2",
                    "margin=0.5",
                    "alignment_weight=10.0",
                    "learning_rate=0.0005",
                )
            },
        ),
    ):
        rows = pd.read_csv(TOLD / f"{table}_paired.csv")
        sure = rows[(rows["low"] > 0) | (rows["high"] < 0)]
        at_image = (sure["figure"] == "image_auroc").astype(int)
        assert set(zip(sure["method"], at_image, strict=True)) == expected


def test_the_thresholds_are_stated_as_measured():
    table, text = pd.read_csv(TOLD / "thresholds.csv"), section("Thresholds")
    means = table.groupby(["method", "shots"])[["wanted", "false_alarms"]].mean()
    student, conformal = means.loc["student"], means.loc["conformal"]
    seen = [f"{student.loc[k, 'false_alarms']:.0f}" for k in (1, 2, 4)]
    assert f"student: {seen[0]}, {seen[1]} and {seen[2]} % seen at 1, 2 and 4" in text
    two, four = (conformal.loc[k].round().astype(int) for k in (2, 4))
    assert f"{two['false_alarms']} of {two['wanted']} % at 2" in text
    assert f"{four['false_alarms']} of {four['wanted']} % at 4" in text
    nine = {round(each.loc[9, "false_alarms"]) for each in (student, conformal)}
    assert nine == {13} and "both see 13 % where 10 % were asked for" in text
    lowest, highest = table["false_alarms"].min(), table["false_alarms"].max()
    assert f"scatter from {lowest:.0f} to {highest:.0f} %" in text


def test_no_reading_of_winclip_moves_a_mean_by_more_than_the_page_says():
    table = pd.read_csv(TOLD / "readings_summary.csv")
    table["ours"] = table["method"].str.partition(",")[0]
    for figure, most in (("image_auroc_mean", 0.2), ("pixel_auroc_mean", 0.7)):
        own = table[table["method"] == table["ours"]].set_index(["ours", "shots"])[figure]
        apart = [
            abs(row[figure] - own[row["ours"], row["shots"]]) for row in table.to_dict("records")
        ]
        assert 0 < max(apart) <= most
    assert "more than 0.2 points of image AUROC or 0.7 of pixel AUROC" in section(
        "Readings of WinCLIP"
    )
