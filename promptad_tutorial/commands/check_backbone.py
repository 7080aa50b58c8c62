"""`check-backbone`: are a backbone's weights here, whole and fitting; if not, how to get them?"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptad_tutorial.commands.command import (
    Actions,
    Result,
    add_command,
    add_image_size,
    chosen_backbone,
)

if TYPE_CHECKING:
    from promptad_tutorial.commands.backbone_report import BackboneReport

MISSING, WRONG = 1, 2  # exit codes


def add_to(groups: Actions) -> None:
    """Add the command `check-backbone` to the command line."""
    check = add_command(
        groups, "check-backbone", run_check_backbone, "are a backbone's weights here and whole?"
    )
    check.epilog = (
        "Without --download nothing is sent over a network. Exit code: 0 there and good, 1 not "
        "there (random weights never are), 2 a mistake in the call, or a file that is damaged or "
        "of another model."
    )
    check.add_argument(
        "--backbone",
        help="tiny, a model of open_clip, MODEL:TAG or MODEL:FILE; else $PROMPTAD_BACKBONE",
    )
    check.add_argument("--pretrained", help="its weights: a tag or a file")
    add_image_size(check)
    check.add_argument(
        "--download", action="store_true", help="fetch what is missing; goes on where it broke off"
    )
    check.add_argument("--save-as", type=Path, help="also copy the weights to this file")
    check.add_argument("--json", action="store_true", help="one line of JSON, for scripts")


def run_check_backbone(arguments: argparse.Namespace) -> Result:
    """Say all that is known of the backbone; the exit code is 0 only if it can be used."""
    from promptad_tutorial.clip.weights.pretrained import BackboneError, WeightsNotFoundError

    name, pretrained, size = _asked_for(arguments)
    try:
        report, failed = _checked(name, pretrained, size, arguments.download)
    except WeightsNotFoundError as error:  # the file that was named
        return _said(arguments, str(error), name, pretrained, MISSING)
    except BackboneError as error:
        if not arguments.json:
            raise
        return _said(arguments, str(error), name, pretrained, WRONG)
    file = report.about["file"]
    if arguments.save_as and file:
        _copy(Path(file), arguments.save_as)
    if arguments.json:
        text = report.to_json(**({"error": failed} if failed else {}))
    elif failed:
        text = f"{report}\nthe download failed: {failed}"
    else:
        copied = f"\n  copied to   {arguments.save_as}" if arguments.save_as and file else ""
        text = f"{report}{copied}"
    return Result(text, 0 if report.there else MISSING)


def _checked(
    name: str, pretrained: Any, size: int | None, download: bool
) -> tuple[BackboneReport, str]:
    """The report, after a download if one is asked for and needed, and why that failed."""
    from promptad_tutorial.clip.weights.download import fetch
    from promptad_tutorial.clip.weights.pretrained import choose
    from promptad_tutorial.commands.backbone_report import check_backbone

    report = None
    try:
        report = check_backbone(name, pretrained, size)
    except ValueError:
        if not (download and _damaged(name, pretrained, size)):
            raise
    if report and (report.there or not download):
        return report, ""
    source = choose(name, pretrained, size).source
    if source is None:  # random weights: nothing to fetch
        assert report is not None
        return report, "there is nothing to download for random weights"
    try:
        fetch(source)
    except OSError as error:
        failed = " ".join(str(error).split())
        return check_backbone(name, pretrained, size), failed
    return check_backbone(name, pretrained, size), ""


def _damaged(name: str, pretrained: Any, size: int | None) -> bool:
    """Whether a file that a network can replace is damaged; it is removed then."""
    from promptad_tutorial.clip.weights.download import network_problem
    from promptad_tutorial.clip.weights.pretrained import BackboneError, choose
    from promptad_tutorial.clip.weights.verify import check_whole

    source = None if name == "tiny" else choose(name, pretrained, size).source
    found = source.here() if source else None
    if source is None or found is None or network_problem(source):
        return False
    try:
        check_whole(*found)
    except BackboneError:
        found[0].resolve().unlink()
        return True
    return False  # whole, but wrong: another download would bring the same


def _asked_for(arguments: argparse.Namespace) -> tuple[str, Any, int | None]:
    """Model, weights and image size: the options', else the environment's."""
    from promptad_tutorial.clip.weights.pretrained import NOT_GIVEN

    told = chosen_backbone(arguments)
    return told.name, arguments.pretrained or told.pretrained or NOT_GIVEN, told.image_size


def _said(
    arguments: argparse.Namespace, error: str, name: str, pretrained: Any, code: int
) -> Result:
    line = " ".join(error.split())
    if arguments.json:
        status = "not there" if code == MISSING else "wrong"
        told = {"backbone": name, "pretrained": str(pretrained), "status": status, "error": line}
        return Result(json.dumps(told), code)
    return Result(f"{name}, {pretrained}: not there: {line}", code)


def _copy(file: Path, to: Path) -> None:
    import shutil

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
