"""Will JupyterLab start this Python as its kernel, and show the explorers' widgets?"""

from __future__ import annotations

import os
import sys
from pathlib import Path

KERNEL = "python3"  # what every notebook asks for
WIDGETS = "@jupyter-widgets/jupyterlab-manager"
# jupyter_client starts these with the Python it runs in
ANY_PYTHON = {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info[:2])}


def kernel_is_this_python() -> str:
    """The kernel `python3` exists and is the Python that this package is installed in.

    Raises RuntimeError where it is missing or another one.
    """
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        program = KernelSpecManager().get_kernel_spec(KERNEL).argv[0]
    except NoSuchKernel as error:
        raise RuntimeError(f"Jupyter has no kernel called {KERNEL}") from error
    # not resolved: the Pythons of two environments may be links to the same file
    same = os.path.normcase(os.path.abspath(program)) == os.path.normcase(
        os.path.abspath(sys.executable)
    )
    if program not in ANY_PYTHON and not same:
        raise RuntimeError(f"Jupyter's kernel {KERNEL} is another Python: {program}")
    return f"Jupyter's kernel {KERNEL} is this Python"


def widgets_are_shown() -> str:
    """ipywidgets is there, and JupyterLab has its extension and has it switched on.

    Raises RuntimeError where the extension is missing or disabled, ImportError without ipywidgets.
    """
    import ipywidgets
    from jupyter_core.paths import jupyter_path
    from jupyterlab.commands import get_app_dir
    from jupyterlab_server.config import get_page_config

    folders = jupyter_path("labextensions")
    if not any((Path(folder) / WIDGETS / "package.json").is_file() for folder in folders):
        raise RuntimeError(f"JupyterLab has no extension {WIDGETS}: sliders would be text")
    settings = get_page_config(folders, str(Path(get_app_dir()) / "settings"))
    disabled = settings.get("disabledExtensions", {})
    names = disabled if isinstance(disabled, list) else [k for k, off in disabled.items() if off]
    if any(name.partition(":")[0] == WIDGETS for name in names):
        raise RuntimeError(f"JupyterLab's extension {WIDGETS} is disabled")
    return f"ipywidgets {ipywidgets.__version__} and JupyterLab's widget extension are there"
