"""What a saved notebook keeps of an explorer: the still picture. An extension of Jupyter's server.

A live widget cannot be saved. Opened again, its view is an error ("model not found"), which a
front end shows although a picture lies beside it. So where there is a picture, the view is left
out of the file; the open notebook keeps it. An installed package puts
`jupyter_server_config.json` where Jupyter's server looks for its extensions. Other servers need

    jupyter lab --ServerApp.jpserver_extensions="{'promptad_tutorial.explorers.saving': True}"
"""

from __future__ import annotations

from typing import Any

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def keep_still_pictures(model: dict[str, Any], **_: Any) -> None:
    """Jupyter's hook before a file is saved: takes out the views that have a picture beside them.

    `model`: the file as Jupyter's contents manager has it; only notebooks are changed.
    """
    notebook = model.get("content") if model.get("type") == "notebook" else None
    for cell in (notebook or {}).get("cells", ()):
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output["data"].pop(WIDGET_VIEW, None)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    app.contents_manager.register_pre_save_hook(keep_still_pictures)
