"""Sphinx's settings for the site; `python -m workshop.pages.site` gathers the pages, calls it."""

import importlib
import importlib.metadata
import inspect
import pkgutil
import shutil
from pathlib import Path

import promptad_tutorial

project = "PromptAD tutorial"
author = "PromptAD tutorial authors"
language = "en"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx_codeautolink",
    "workshop.pages.site.accessible",
    "workshop.pages.site.docstrings",
    "workshop.pages.site.search_texts",
]
exclude_patterns = ["files"]

# Pages: GitHub's markdown, with formulas. No notebook is run.
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
nb_ipywidgets_js = {}  # from another host otherwise
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

# The reference.
default_role = "code"
add_module_names = False
autodoc_member_order = "bysource"
toc_object_entries = False  # modules are enough beside a page
autodoc_use_type_comments = False
autodoc_preserve_defaults = True  # a name says more than the value it stands for
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
suppress_warnings = [
    "codeautolink",
    "misc.highlighting_failure",  # README: a placeholder with an apostrophe
    "ref.python",  # two classes of one name
]
codeautolink_custom_blocks = {"ipython3": None}


def _public_names() -> dict[str, str]:
    """Where a name is imported from -> where it is defined, and so documented."""
    found = {}
    for one in pkgutil.walk_packages(promptad_tutorial.__path__, "promptad_tutorial."):
        if one.name.rpartition(".")[2] in ("__main__", "worker"):
            continue
        for name, value in vars(importlib.import_module(one.name)).items():
            home = getattr(value, "__module__", None) or ""
            if not (inspect.isclass(value) or inspect.isfunction(value)) or home == one.name:
                continue
            if home.startswith("promptad_tutorial."):
                found[f"{one.name}.{name}"] = f"{home}.{value.__qualname__}"
    return found


codeautolink_inventory_map = _public_names()

# Looks.
html_theme = "furo"
html_title = "PromptAD tutorial"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_use_index = False  # the search finds more
html_domain_indices = False
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
html_search_scorer = str(Path(__file__).with_name("scorer.js"))
html_show_search_summary = False  # it fetches pages, which browsers forbid in a folder: search.js
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_permalinks_icon = "#"

# Formulas: one script, which draws them as SVG and needs no fonts. Its package holds much more.
mathjax_path = "mathjax.js"
mathjax3_config = {
    "options": {"enableMenu": False},
    "svg": {"fontCache": "local"},
}
MATHJAX = "sphinx-mathjax-offline/static/mathjax/tex-svg-full.js"


def _copy_static(app) -> None:
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    package = importlib.metadata.distribution("sphinx-mathjax-offline")
    shutil.copyfile(str(package.locate_file(MATHJAX)), static / "mathjax.js")
    pictures = Path(app.srcdir) / "_static" / "pictures"
    if pictures.is_dir():
        shutil.copytree(pictures, static / "pictures", dirs_exist_ok=True)


def setup(app) -> None:
    app.connect("builder-inited", _copy_static)
