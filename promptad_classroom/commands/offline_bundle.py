"""`offline-bundle`: one folder that installs the tutorial in a room without a network."""

from __future__ import annotations

import argparse
from pathlib import Path

from promptad_tutorial.commands.command import Actions, add_command

CHECKOUT = Path(__file__).resolve().parents[2]


def add_to(groups: Actions) -> None:
    """Add the command `offline-bundle` to the command line."""
    bundle = add_command(
        groups, "offline-bundle", run_offline_bundle, "build a folder that installs offline"
    )
    bundle.add_argument("--out", type=Path, default=Path("build/offline"), help="the folder")
    bundle.add_argument(
        "--platform",
        help="other laptops than this kind: linux, linux-arm, macos-arm or windows (needs uv)",
    )
    bundle.add_argument("--python-version", help="their Python, as 3.12; else this one's")
    bundle.add_argument("--extras", nargs="+", default=[], help="of the package, as teach")
    bundle.add_argument(
        "--torch-index", metavar="URL", help="PyTorch's index of builds for the CPU, much smaller"
    )
    bundle.add_argument(
        "--weights", type=Path, nargs="+", default=[], help=".safetensors of other backbones"
    )
    bundle.add_argument(
        "--newest", action="store_true", help="newest packages, not the versions installed here"
    )
    bundle.add_argument(
        "--find-links", type=Path, nargs="+", default=[], help="folders of wheels to take from too"
    )
    bundle.add_argument("--no-index", action="store_true", help="take wheels from there alone")


def run_offline_bundle(arguments: argparse.Namespace) -> str:
    """Build, finish or renew the folder."""
    from promptad_classroom.offline import WheelPlan, build_bundle
    from promptad_classroom.offline.target import choose_target

    plan = WheelPlan(
        target=choose_target(arguments.platform, arguments.python_version),
        extras=tuple(arguments.extras),
        torch_index=arguments.torch_index,
        newest=arguments.newest,
        no_index=arguments.no_index,
        find_links=tuple(arguments.find_links),
    )
    built = build_bundle(CHECKOUT, arguments.out, plan, arguments.weights)
    done = "whole" if built.anew else "whole already, nothing to do"
    return (
        f"{done}: {built.wheels} wheels, {built.n_bytes / 1e9:.1f} GB in {built.folder}; copy the "
        "folder to a laptop, and there: sh install.sh"
    )
