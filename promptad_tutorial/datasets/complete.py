"""Is a copy of the minifactory complete? Every file that its manifest speaks of, undamaged."""

from __future__ import annotations

import json
from pathlib import Path

from promptad_tutorial.files.listing import shorten

MANIFEST = "manifest.json"  # the minifactory's build writes it last
ENDS = {".jpg": b"\xff\xd9", ".png": b"IEND\xaeB`\x82"}  # the last bytes of a whole file


def check_complete(root: Path) -> None:
    """Raise ValueError for missing or damaged files below `root`, with the first of their names.

    A folder without a manifest is somebody's own: how many files it should have is not known.
    """
    expected = expected_files(root / MANIFEST) if (root / MANIFEST).is_file() else []
    what, wrong = "missing", [name for name in expected if not (root / name).is_file()]
    if not wrong:  # a broken copy or download stops before the end of a file
        ends = {name: ENDS[Path(name).suffix] for name in expected}
        wrong = [name for name, end in ends.items() if not (root / name).read_bytes().endswith(end)]
        what = "damaged"
    if wrong:
        raise ValueError(
            f"of {len(expected)} files in {root.name}/ {len(wrong)} "
            f"{'is' if len(wrong) == 1 else 'are'} {what}: {shorten(wrong, 2)}"
        )


def expected_files(manifest: Path) -> list[str]:
    """Every picture and mask that a manifest's plan makes. ValueError if it is no manifest."""
    names = []
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
        plan = found["plan"]
        for line in found["lines"]:
            counts = {"train/good/{:03}.jpg": "train_good", "test/good/{:03}.jpg": "test_good"}
            for defect in (each.replace(" ", "_") for each in line["defects"]):
                counts[f"test/{defect}/{{:03}}.jpg"] = "each_defect"
                counts[f"ground_truth/{defect}/{{:03}}_mask.png"] = "each_defect"
            for place, count in counts.items():
                names += [f"{line['name']}/{place.format(i)}" for i in range(plan[count])]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{MANIFEST} is damaged: expected a plan and product lines") from error
    return names
