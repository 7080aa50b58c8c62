"""`doctor`: is this computer ready for the notebooks?"""

from __future__ import annotations

import argparse
from pathlib import Path

from promptad_tutorial.commands.command import Actions, Result, add_command


def add_to(groups: Actions) -> None:
    """Add the command `doctor` to the command line."""
    doctor = add_command(groups, "doctor", run_doctor, "is this computer ready? what to fix if not")
    doctor.add_argument("--json", action="store_true", help="one line of JSON, for a room of many")
    doctor.add_argument(
        "--room", type=Path, help="a folder of such lines, as NAME.json: one table of a room"
    )
    doctor.add_argument("--out", type=Path, help="with --room: the whole table, a .csv")


def run_doctor(arguments: argparse.Namespace) -> Result:
    """Look at everything; the exit code is 0 if all is well, else 1."""
    if arguments.room:
        return _room(arguments.room, arguments.out)
    if arguments.out:
        raise ValueError("expected --out with --room, found it alone: leave it out, or add --room")
    from promptad_tutorial.doctor import examine_computer

    found = examine_computer()
    return Result(found.to_json() if arguments.json else repr(found), int(not found.passed))


def _room(folder: Path, out: Path | None) -> Result:
    """The exit code is 0 if every computer of the room is ready, else 1."""
    from promptad_tutorial.datasets.listing import existing_folder
    from promptad_tutorial.doctor.room import room_summary, room_table
    from promptad_tutorial.whole_files import write_whole

    table = room_table(existing_folder(folder, "the room's files"))
    if out:
        write_whole(out, table.to_csv(index=False))
    return Result(room_summary(table), int(not table["ready"].all()))
