"""What a computer has to offer: a torch that computes, memory, disk, a network, JupyterLab.

Each function returns what it found, in a few words, or raises an error that says what is wrong.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

GB = 10**9
MEMORY_GB = 3.0  # what `make test` allows a notebook's kernel
DISK_GB = 1.0  # results, fitted detectors and Jupyter's own files
CGROUP = Path("/sys/fs/cgroup")  # a container's or a JupyterHub pod's own limit, on Linux
KERNEL = "python3"  # what every notebook asks for
WIDGETS = "@jupyter-widgets/jupyterlab-manager"
# jupyter_client starts these with the Python it runs in
ANY_PYTHON = {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info[:2])}


def torch_computes() -> str:
    """Torch multiplies two matrices on the device that the notebooks will use."""
    import torch

    from promptad_tutorial.clip.loading import choose_device

    device = choose_device(None)
    ones = torch.ones(8, 8, device=device)
    if float((ones @ ones).sum()) != 8.0**3:
        raise RuntimeError(f"torch {torch.__version__} computes wrongly on {device}")
    threads = torch.get_num_threads()
    return f"torch computes on {device.type} with {threads} thread{'s' * (threads > 1)}"


def free_memory() -> float:
    """Free memory in bytes, of the machine or of the container."""
    import psutil

    return min(psutil.virtual_memory().available, _free_in_container())


def enough_memory() -> str:
    """Free memory for one notebook."""
    free = free_memory() / GB
    if free < MEMORY_GB:
        raise RuntimeError(f"expected {MEMORY_GB:.0f} GB of free memory, found {free:.1f} GB")
    return f"{free:.1f} GB of memory are free"


def _free_in_container() -> float:
    """Bytes left below the limit of the cgroup, infinity where there is none."""
    try:
        limit, used = (int((CGROUP / f"memory.{n}").read_text()) for n in ("max", "current"))
        told = dict(map(str.split, (CGROUP / "memory.stat").read_text().splitlines()))
    except (OSError, ValueError):  # "max": no limit
        return float("inf")
    # files that the kernel keeps in memory are given back when a program needs it
    return limit - used + int(told.get("file", 0))


def enough_disk() -> str:
    """Free disk in the working folder and in the folder for temporary files."""
    here = Path.cwd()
    for place in (here, Path(tempfile.gettempdir())):
        free = shutil.disk_usage(place).free / GB
        if free < DISK_GB:
            wanted = f"expected {DISK_GB:.0f} GB free on {place}'s disk"
            raise RuntimeError(f"{wanted}, found {free:.1f}")
    return f"{shutil.disk_usage(here).free / GB:.0f} GB of disk are free"


def can_write() -> str:
    """A file can be made in the working folder, and removed."""
    here = Path.cwd()
    try:
        with tempfile.NamedTemporaryFile(dir=here, prefix=".doctor-") as file:
            file.write(b"written by the doctor")
    except OSError as error:
        raise OSError(f"expected to write in {here}, found {error.strerror or error}") from error
    return f"the working folder {here.resolve().name}/ can be written to"


def network() -> str:
    """Whether a network is connected; never an error, and no other machine is asked."""
    import psutil

    loopback = {name for name in psutil.net_if_addrs() if name.lower().startswith("lo")}
    found = psutil.net_if_stats().items()
    if any(state.isup and name not in loopback for name, state in found):
        return "online: a network is connected, and nothing here needs it"
    return "offline: no network is connected, and nothing here needs one"


def kernel_is_this_python() -> str:
    """The kernel `python3` exists and is the Python that this package is installed in."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        program = KernelSpecManager().get_kernel_spec(KERNEL).argv[0]
    except NoSuchKernel as error:
        raise RuntimeError(f"Jupyter has no kernel called {KERNEL}") from error
    # not resolved: the Pythons of two environments may be links to the same file
    theirs, ours = (os.path.normcase(os.path.abspath(p)) for p in (program, sys.executable))
    if program not in ANY_PYTHON and theirs != ours:
        raise RuntimeError(f"Jupyter's kernel {KERNEL} is another Python: {program}")
    return f"Jupyter's kernel {KERNEL} is this Python"


def widgets_are_shown() -> str:
    """ipywidgets is there, and JupyterLab has its extension and has it switched on."""
    import ipywidgets
    from jupyter_core.paths import jupyter_path
    from jupyterlab.commands import get_app_dir
    from jupyterlab_server.config import get_page_config

    folders = jupyter_path("labextensions")
    if not any((Path(folder) / WIDGETS / "package.json").is_file() for folder in folders):
        raise RuntimeError(f"JupyterLab has no extension {WIDGETS}: sliders would be text")
    settings = get_page_config(folders, str(Path(get_app_dir()) / "settings"))
    if any(one.partition(":")[0] == WIDGETS for one in settings["disabledExtensions"]):
        raise RuntimeError(f"JupyterLab's extension {WIDGETS} is disabled")
    return f"ipywidgets {ipywidgets.__version__} and JupyterLab's widget extension are there"
