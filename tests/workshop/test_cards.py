"""The cards say what the committed tables say: written again, they are the same to the letter."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from promptad_tutorial.clip.tinyclip import checksum
from workshop.minifactory.data_card import write_data_card
from workshop.pretraining.card import write_card
from workshop.pretraining.recipe import Recipe
from workshop.pretraining.render_set import RenderPlan

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"
MODEL_CARD = ROOT / "promptad_tutorial" / "clip" / "tinyclip" / "MODEL_CARD.md"
DATA = ROOT / "data" / "minifactory"


def test_the_model_card_is_the_one_that_the_tables_make(tmp_path):
    written = write_card(RESULTS / "tinyclip", tmp_path / "card.md").read_text()
    assert written == MODEL_CARD.read_text()


def test_the_model_card_follows_its_tables(tmp_path):
    shutil.copytree(RESULTS, tmp_path / "results")
    table = tmp_path / "results" / "zero_shot.csv"
    scores = pd.read_csv(table)
    scores.loc[scores["product_line"] == "mean", "image_auroc"] = 12.34
    scores.to_csv(table, index=False)
    card = write_card(tmp_path / "results" / "tinyclip", tmp_path / "card.md").read_text()
    assert "| zero-shot image AUROC, all lines of the benchmark | 12.3 |" in card


def test_the_model_card_says_which_aims_are_reached(tmp_path):
    shutil.copytree(RESULTS, tmp_path / "results")
    path = tmp_path / "results" / "tinyclip" / "summary.json"
    summary = json.loads(path.read_text())
    path.write_text(json.dumps(summary | {"name_top1": 90.0, "seen_defects": 79.25}))
    card = write_card(tmp_path / "results" / "tinyclip", tmp_path / "card.md").read_text()
    assert "| 90.0 | 90 | yes |" in card
    assert "| zero-shot image AUROC, seen defects | 79.2 | 80 | no, 0.75 short |" in card


def test_the_data_card_is_the_one_that_manifest_and_table_make(tmp_path):
    before = (DATA / "README.md").read_text()
    shutil.copytree(DATA, tmp_path / "minifactory")
    (tmp_path / "minifactory" / "README.md").unlink()
    after = write_data_card(tmp_path / "minifactory", RESULTS / "zero_shot.csv").read_text()
    assert after == before


def test_the_committed_table_is_of_the_shipped_weights():
    assert set(pd.read_csv(RESULTS / "zero_shot.csv")["checksum"]) == {checksum()}


def test_the_committed_recipe_and_data_are_what_the_commands_would_use():
    recipe = json.loads((RESULTS / "tinyclip" / "recipe.json").read_text())
    assert recipe["recipe"] == json.loads(json.dumps(asdict(Recipe())))
    assert recipe["data"] == asdict(RenderPlan())


def test_the_summary_is_of_the_shipped_weights():
    summary = json.loads((RESULTS / "tinyclip" / "summary.json").read_text())
    assert summary["checksum"] == checksum()
