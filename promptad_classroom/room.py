"""One table from what the doctors of thirty computers found: `doctor --json`, a file for each."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import pandas as pd

from promptad_tutorial.files.listing import path_key

# Windows' PowerShell writes UTF-16 where a command's output goes to a file
MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8-sig"}


def room_table(folder: Path) -> pd.DataFrame:
    """One row per file: its name, the computer, whether it is ready, and what is to be done there.

    Further columns are the versions and, for each look, `ok` or what was found. A file that is no
    doctor's is a row that is not ready. Raises FileNotFoundError where there is no file.
    """
    paths = sorted(folder.glob("*.json"), key=path_key)
    if not paths:
        raise FileNotFoundError(
            f"expected a file of `doctor --json > NAME.json` from each computer in {folder}, "
            "found none"
        )
    table = pd.DataFrame([{"file": path.stem} | _row(path) for path in paths])
    return table.assign(ready=table["ready"].astype(bool)).fillna("")


def room_summary(table: pd.DataFrame) -> str:
    """Ready or not, a line per computer, those that need something first."""
    order = table.sort_values("ready", kind="stable")
    width = order["file"].str.len().max()
    lines = [
        f"{'[ok] ' if ready else '[fix]'} {name:{width}}{'' if ready else f'  {remedy}'}"
        for name, ready, remedy in order[["file", "ready", "to do"]].itertuples(index=False)
    ]
    return "\n".join([*lines, f"{table['ready'].sum()} of {len(table)} computers are ready"])


def _row(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(path))
        failed = [check for check in found["checks"] if not check["passed"]]
        checks = {
            check["name"]: "ok" if check["passed"] else check["found"] for check in found["checks"]
        }
        return {
            "computer": found["computer"],
            "ready": bool(found["ready"]) and not failed,
            "to do": "; ".join(f"{check['found']}: {check['remedy']}" for check in failed),
            **{f"version of {name}": version for name, version in found["versions"].items()},
            **checks,
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {
            "computer": "",
            "ready": False,
            "to do": "what this file holds is not from `doctor --json`: run it again there",
        }


def _text(path: Path) -> str:
    data = path.read_bytes()
    kind = next((MARKS[mark] for mark in MARKS if data.startswith(mark)), "utf-8")
    return data.decode(kind)
