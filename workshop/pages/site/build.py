"""From the repository to a folder of pages: gather the sources, then let Sphinx build them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from workshop.pages.site.sources import gather

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = ROOT / "docs" / "site"  # conf.py, style and script
EPOCH = "315532800"  # 1980: the one time that may appear in a page, so that two builds are equal
MARK = ".buildinfo"  # Sphinx writes it: a folder with it is an earlier site


def build(out: Path, jobs: int | None = None) -> None:
    """Build the site into `out`; what was there is replaced once the new one is whole.

    `jobs`: processes that read and write pages; as many as there are cores if None.

    Raises ValueError if `out` holds something that is no site, or with Sphinx's own messages if
    there is a warning or an error: every warning counts (a link that goes nowhere is one).
    """
    out = out.resolve()
    if out.exists() and not _is_site(out):
        raise ValueError(
            f"expected {out} to be a site that was built before, an empty folder or nothing; it "
            "holds something else. Name another folder with --out."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site-", dir=out.parent) as folder:
        work = Path(folder)
        gather(ROOT, work / "sources")
        _sphinx(work, jobs or os.cpu_count() or 1)
        if out.exists():
            os.replace(out, work / "before")
        os.replace(work / "pages", out)


def _is_site(folder: Path) -> bool:
    return folder.is_dir() and ((folder / MARK).is_file() or not any(folder.iterdir()))


def _sphinx(work: Path, jobs: int) -> None:
    """Run Sphinx in a process of its own: it imports the package and leaves much behind."""
    sources = work / "sources"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    command += ["-j", str(jobs), "-c", str(SETTINGS), "-d", str(work / "doctrees")]
    command += [str(sources), str(work / "pages")]
    environment = os.environ | {
        "SOURCE_DATE_EPOCH": EPOCH,
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    if done.returncode:
        said = (done.stderr or done.stdout).replace(f"{sources}{os.sep}", "")
        if "No module named sphinx" in said or "Could not import extension" in said:
            said += "\nInstall what the site needs: pip install -e '.[site]'"
        raise ValueError(f"the site was not built:\n{said.strip()}")
