"""Run notebooks from a clean kernel and save them, outputs included, in place.

    python -m workshop.pages.execute_notebooks                     every notebook in notebooks/
    python -m workshop.pages.execute_notebooks notebooks/01*.ipynb only these

A notebook that fails is left as it was.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from workshop.gates.network_block import kernel_environment

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

# Set by front ends and by nbclient; they differ from run to run or from person to person.
VOLATILE_CELL_METADATA = ("ExecuteTime", "collapsed", "execution", "scrolled")


def clean(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without what differs between two runs of the same code.

    Kernel versions, timings and widget state go. So does a widget's view: it refers to a live
    model, and without one a front end shows an error in place of the still picture beside it.
    """
    cleaned = nbformat.from_dict(notebook)
    cleaned.metadata = nbformat.from_dict(
        {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    )
    for cell in cleaned.cells:
        for key in VOLATILE_CELL_METADATA:
            cell.metadata.pop(key, None)
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET_VIEW, None)
            output.get("metadata", {}).pop(WIDGET_VIEW, None)
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
    return cleaned


def execute(path: Path, *, timeout: int = 600) -> None:
    """Run one notebook in its own folder and replace the file by the executed notebook.

    `timeout` is in seconds, for each cell.
    Raises: nbclient.exceptions.CellExecutionError when a cell fails; the file is unchanged then.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name=KERNELSPEC["name"],
        resources={"metadata": {"path": str(path.parent)}},
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
    )
    with kernel_environment():
        client.execute()
    unfinished = path.with_suffix(".ipynb.unfinished")
    nbformat.write(clean(notebook), unfinished)
    os.replace(unfinished, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the notebooks named on the command line; the exit status is 1 if one failed."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.pages.execute_notebooks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", type=Path, help="default: all of notebooks/")
    parser.add_argument("--timeout", type=int, default=600, help="seconds for each cell")
    options = parser.parse_args(arguments)
    paths = options.paths or sorted(NOTEBOOKS.glob("*.ipynb"))
    if not paths:
        parser.error(f"expected notebooks in {NOTEBOOKS.name}/, found none")
    failed = 0
    for path in paths:
        print(f"{path.name} ...", flush=True)
        try:
            execute(path.resolve(), timeout=options.timeout)
        except CellExecutionError as error:
            failed += 1
            print(f"{path.name} failed and was left unchanged:\n{error}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
