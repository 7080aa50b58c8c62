"""`doctor --room`: one table of what the computers of a room said of themselves."""

from __future__ import annotations

import argparse
from pathlib import Path

from promptad_tutorial.commands.command import Actions, Handler, Result


def add_to(groups: Actions) -> None:
    """Add the options --room and --out to the command `doctor`."""
    doctor = groups.choices["doctor"]
    doctor.add_argument(
        "--room", type=Path, help="a folder of such lines, as NAME.json: one table of a room"
    )
    doctor.add_argument("--out", type=Path, help="with --room: the whole table, a .csv")
    doctor.set_defaults(handler=run_room(doctor.get_default("handler")))


def run_room(otherwise: Handler) -> Handler:
    """The table of a room where one is named, else the command as it was."""

    def run(arguments: argparse.Namespace) -> str | Result:
        if arguments.room:
            return _room(arguments.room, arguments.out)
        if arguments.out:
            raise ValueError(
                "expected --out with --room, found it alone: leave it out, or add --room"
            )
        return otherwise(arguments)

    return run


def _room(folder: Path, out: Path | None) -> Result:
    """The exit code is 0 if every computer of the room is ready, else 1."""
    from promptad_classroom.room import room_summary, room_table
    from promptad_tutorial.files.listing import existing_folder
    from promptad_tutorial.files.writing import write_table

    table = room_table(existing_folder(folder, "the room's files"))
    if out:
        write_table(out, table)
    return Result(room_summary(table), int(not table["ready"].all()))
