"""What the machine has to offer: a torch that computes, memory, disk, a place to write, a network.

A look returns what it found, in a few words, or raises an error that says what is wrong.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

GB = 10**9
MEMORY_GB = 3.0  # what `make test` allows a notebook's kernel
DISK_GB = 1.0  # results, fitted detectors and Jupyter's own files
CGROUP = Path("/sys/fs/cgroup")  # a container's or a JupyterHub pod's own limit, on Linux


def torch_computes() -> str:
    """Torch multiplies two matrices on the device that the notebooks will use."""
    import torch

    from promptad_tutorial.clip.loading import choose_device

    device = choose_device(None)
    ones = torch.ones(8, 8, device=device)
    if float((ones @ ones).sum()) != 8.0**3:
        raise RuntimeError(f"torch {torch.__version__} computes wrongly on {device}")
    threads = torch.get_num_threads()
    return f"torch computes on {device.type} with {threads} thread{'s' if threads > 1 else ''}"


def enough_memory() -> str:
    """Free memory, of the machine or of the container, for one notebook."""
    import psutil  # comes with ipykernel

    free = min(psutil.virtual_memory().available, _free_in_container()) / GB
    if free < MEMORY_GB:
        raise RuntimeError(f"expected {MEMORY_GB:.0f} GB of free memory, found {free:.1f} GB")
    return f"{free:.1f} GB of memory are free"


def _free_in_container() -> float:
    """Bytes left below the limit of the cgroup, infinity where there is none."""
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = (CGROUP / "memory.current").read_text()
        # files that the kernel keeps in memory are given back when a program needs it
        lines = (line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        kept = {name: int(value) for name, value in lines}.get("file", 0)
    except (OSError, ValueError):
        return float("inf")
    return float("inf") if limit == "max" else float(int(limit) - int(used) + kept)


def enough_disk(folder: Path) -> str:
    """Free disk in the working folder and in the folder for temporary files."""
    for place in (folder, Path(tempfile.gettempdir())):
        free = shutil.disk_usage(place).free / GB
        if free < DISK_GB:
            raise RuntimeError(
                f"expected {DISK_GB:.0f} GB free on {place}'s disk, found {free:.1f}"
            )
    return f"{shutil.disk_usage(folder).free / GB:.0f} GB of disk are free"


def can_write(folder: Path) -> str:
    """A file can be made in the working folder, and removed."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"written by the doctor")
    except OSError as error:
        raise OSError(f"expected to write in {folder}, found {error.strerror or error}") from error
    return f"the working folder {folder.resolve().name}/ can be written to"


def network() -> str:
    """Whether a network is connected. Never an error, and nothing is sent: nothing here needs one.

    It asks for the state of the network interfaces and not for another machine, which could take
    as long as a time-out, and would look like a download to a fire wall.
    """
    import psutil

    loopback = {name for name in psutil.net_if_addrs() if name.lower().startswith("lo")}
    found = psutil.net_if_stats().items()
    up = [name for name, state in found if state.isup and name not in loopback]
    return (
        "online: a network is connected, and nothing here needs it"
        if up
        else "offline: no network is connected, and nothing here needs one"
    )
