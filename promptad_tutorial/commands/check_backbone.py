"""`check-backbone`: are a backbone's weights here, whole and fitting; if not, how to get them?"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

from promptad_tutorial.clip.weights.download import fetch, network_problem
from promptad_tutorial.clip.weights.pretrained import (
    NOT_GIVEN,
    BackboneError,
    Pretrained,
    WeightsNotFoundError,
    choose,
)
from promptad_tutorial.clip.weights.verify import check_whole
from promptad_tutorial.commands.backbone_report import THERE, about_backbone
from promptad_tutorial.commands.command import Result, chosen_backbone, fill_template

MISSING, WRONG = 1, 2  # exit codes


def run(arguments: argparse.Namespace) -> Result:
    """Say all that is known of the backbone; the exit code is 0 only if it can be used."""
    told = chosen_backbone(arguments)
    asked = (told.name, arguments.pretrained or told.pretrained or NOT_GIVEN, told.image_size)
    try:
        failed = _download(*asked) if arguments.download else ""
        about = about_backbone(*asked)
    except BackboneError as error:
        missing = isinstance(error, WeightsNotFoundError)  # the file that was named
        if not (missing or arguments.json):
            raise
        line = " ".join(str(error).split())
        name, weights, status = told.name, str(asked[1]), "not there" if missing else "wrong"
        about = {"backbone": name, "pretrained": weights, "status": status, "error": line}
        said = json.dumps(about) if arguments.json else f"{name}, {weights}: {status}: {line}"
        return Result(said, MISSING if missing else WRONG)
    copied = arguments.save_as if about["file"] else None
    if copied:
        _copy(Path(about["file"]), copied)
    if arguments.json:
        said = json.dumps(about | ({"error": failed} if failed else {}))
    else:
        said = fill_template("backbone.txt", **about, copied=copied, error=failed)
    return Result(said, 0 if about["status"] == THERE else MISSING)


def _download(name: str, pretrained: Pretrained, size: int | None) -> str:
    """Fetch what is not here, or damaged here; returns why that failed, "" if it did not."""
    if name == "tiny":
        return ""
    chosen = choose(name, pretrained, size)
    source = chosen.source
    if source is None:
        return "there is nothing to download for random weights" if chosen.random else ""
    found = source.here()
    if found is not None:
        try:
            check_whole(*found)
            return ""
        except BackboneError:
            if network_problem(source):
                raise
            found[0].resolve().unlink()
    try:
        fetch(source)
    except OSError as error:
        return " ".join(str(error).split())
    return ""


def _copy(file: Path, to: Path) -> None:
    if to.exists():
        raise FileExistsError(f"{to} is there already: choose another --save-as")
    if to.suffix != file.suffix:
        raise ValueError(
            f"--save-as must end in {file.suffix}, as the file that was found does, got {to}"
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f"{to.name}.part")
    try:
        shutil.copyfile(file, part)
        os.replace(part, to)
    finally:
        part.unlink(missing_ok=True)
