"""Fill in what README.md takes from tables, pictures and the index of the series.

    python -m workshop.pages.make_readme

A filled part stands between `<!-- made: name -->` and `<!-- end -->`; everything else in README.md
is written by hand. Run it after the ladder, `make_pictures` or a change of the series' index.
"""

from __future__ import annotations

import re
from pathlib import Path

from promptad_tutorial.exercises.series import CHAPTERS
from promptad_tutorial.files.writing import write_whole
from workshop.pages.ladder import SHOTS, Ladder
from workshop.pages.make_pictures import IMAGES, words_of

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PART = re.compile(r"(<!-- made: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
CLAIMS = "what-ships-and-what-is-not-claimed"  # a heading of README.md
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def parts(ladder: Ladder) -> dict[str, str]:
    """Name -> text of every part that is filled in."""
    return {
        "promptad": _picture("promptad", ""),
        "explorer": _picture("explorer", "A still of the explorer of shots. "),
        "method": _picture("method", ""),
        "results": results(ladder),
        "time": time(),
        "notebooks": notebooks(),
        "compared": compared(ladder),
    }


def _picture(name: str, before: str) -> str:
    return f"![{before}{words_of(IMAGES / f'{name}.png')}](docs/images/{name}.png)"


def results(ladder: Ladder) -> str:
    """What the ladder says, in one line."""
    lines, seeds = (ladder.rows[name].nunique() for name in ("product_line", "seed"))
    mean, spread = ladder.mean("PromptAD")
    others = {name: ladder.mean(name)[0] for name in ("zero-shot", "memory", "WinCLIP+")}
    best = mean >= max(others.values())
    why = "" if best else f" Why PromptAD is not the best here: [below](#{CLAIMS})."
    return (
        f"**What comes out as shipped** ({_number(lines)} product lines, {_number(SHOTS)} shots, "
        f"{_number(seeds)} draws; image AUROC): zero-shot CLIP {others['zero-shot']:.1f} %, the "
        f"memory alone {others['memory']:.1f} %, **PromptAD {mean:.1f} % ± {spread:.1f}** from "
        f"draw to draw, WinCLIP+ {others['WinCLIP+']:.1f} %. "
        f"[All tables]({ladder.folder}/README.md).{why}"
    )


def compared(ladder: Ladder) -> str:
    """How PromptAD compares with zero-shot as shipped, whatever the tables say."""
    difference, low, high = ladder.difference("PromptAD", "zero-shot")
    if low > 0 or high < 0:
        sure = "an interval over product lines that leaves out 0"
    else:
        sure = "an interval over product lines that contains 0, so they cannot tell the two apart"
    side = "above" if difference > 0 else "below"
    text = (
        f"As shipped, PromptAD is {abs(difference):.1f} points of image AUROC *{side}* zero-shot "
        f"CLIP (95 % interval {_signed(low)} to {_signed(high)}, {sure})."
    )
    if difference <= 0:
        text += (
            " One reason lies in TinyCLIP and not in the method: its pretraining told it which "
            "pictures show a defect, so words alone are unusually hard to beat here. Real CLIP was "
            "never told."
        )
    return text


def time() -> str:
    """The minutes of the whole series."""
    minutes = sum(chapter.minutes for chapter in CHAPTERS)
    hours = f"{minutes // 60} hours" + (f" {minutes % 60} minutes" if minutes % 60 else "")
    return (
        f"**The series takes about {hours}**: {_number(len(CHAPTERS))} notebooks of "
        f"{min(c.minutes for c in CHAPTERS)} to {max(c.minutes for c in CHAPTERS)} minutes, "
        "exercises included."
    )


def notebooks() -> str:
    """The series as a table."""
    rows = [
        f"| [`{c.file}`](notebooks/{c.file}.ipynb) | {c.minutes} | **{c.title}**: {c.shows} |"
        for c in CHAPTERS
    ]
    return "\n".join(["| notebook | minutes | what it shows |", "|---|---:|---|", *rows])


def filled(text: str, made: dict[str, str]) -> str:
    """The text with every part filled in. ValueError unless its parts are those of `made`."""
    names = [found[2] for found in PART.finditer(text)]
    if sorted(names) != sorted(made):
        raise ValueError(f"expected the parts {sorted(made)}, each once, found {sorted(names)}")
    return PART.sub(lambda found: f"{found[1]}{made[found[2]]}\n{found[4]}", text)


def _number(n: int) -> str:
    return NUMBERS[n] if n < len(NUMBERS) else str(n)


def _signed(value: float) -> str:
    return f"{value:.1f}".replace("-", "−")


def main() -> int:
    """Write README.md anew."""
    text = README.read_text(encoding="utf-8")
    write_whole(README, filled(text, parts(Ladder.read())))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
