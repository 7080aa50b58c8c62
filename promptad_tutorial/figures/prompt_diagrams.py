"""Drawings of prompts: what stands in them, and how contexts and suffixes make the negatives.

Figures know no other room: a drawing reads the attributes of the `Backbone` and the
`PromptADConfig` that it shows.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from promptad_tutorial.figures.boxes import Box, Panel, drawn
from promptad_tutorial.figures.fonts import letters_wide, readable
from promptad_tutorial.figures.illustration import Illustration
from promptad_tutorial.figures.palette import LETTER
from promptad_tutorial.figures.wording import counted


def prompt(backbone: Any, name: str, config: Any) -> Illustration:
    """Prompts from words to vectors to features: a normal one, and negatives if there are any."""
    learnt = {"context": config.n_normal_tokens, "suffix": config.n_anomaly_tokens}
    known = {"[start]": 1, ". [end]": 2} | learnt
    rows = {"normal prompt": [name]}
    if config.states:  # one that follows the name, where there is one
        state = next((s for s in config.states if s.startswith("{}")), config.states[0])
        before, _, after = (part.strip() for part in state.partition("{}"))
        rows["manual negative"] = [part for part in (before, name, after) if part]
    if config.n_anomaly_suffixes:
        rows["learnt negative"] = [name, "suffix"]
    lines = {  # a word's own, and how many vectors it is
        word: [*_lines(word, 13 if word == name else 10, 2), counted(n, "vector")]
        for word in [*known, *(part for row in rows.values() for part in row)]
        if (n := known.get(word) or len(backbone.text.tokenizer.encode(word)))
    }
    tall = 0.16 + 0.19 * max(map(len, lines.values()))
    pitch = tall + 0.14
    boxes = {}
    for row, (label, words) in enumerate(reversed(rows.items())):
        left, y = 0.25, 0.55 + pitch * (row + 0.5)
        for word in ("[start]", "context", *words, ". [end]"):
            if word in lines:
                letters = max(len(line) * letters_wide(line) for line in lines[word])
                width = 0.14 + 0.92 * LETTER * letters
                kind = "learnt" if word in learnt else "frozen"
                place = left + width / 2, y, width, tall
                boxes[f"{label}: {word}"] = Box("\n".join(lines[word]), *place, kind)
                left += width + 0.05
        kind = "normal" if label == "normal prompt" else "anomalous"
        boxes[label] = Box(label.replace(" ", "\n"), 6.45, y, 0.85, 0.5, kind)
    height = pitch * len(rows)
    boxes["tower"] = Box("text\ntower", 5.58, 0.55 + height / 2, 0.56, height - 0.14, "frozen")
    d = backbone.embed_dim
    return drawn(
        boxes,
        [f"{label}: . [end] > tower > {label}" for label in rows],
        height + 0.9,
        "What stands in a prompt, and as how many vectors. Only what is green learns; words and "
        f"the text tower are frozen. The feature, {d} numbers, is read at [end].",
        [Panel(f"vectors of {backbone.text_width} numbers", 0.12, 0.47, 5.1, height + 0.83)],
    )


def _lines(word: str, letters: int, most: int) -> list[str]:
    """A word in `most` lines of so many ordinary letters; dots where there is more."""
    word = readable(word)
    letters = int(letters / letters_wide(word))
    return textwrap.wrap(word, letters, max_lines=most, placeholder=" ...")


def concatenation(config: Any) -> Illustration:
    """Every context with every suffix: N normal prompts, N * M manual and N * L learnt ones."""
    states = [state.replace("{}", "").strip() for state in dict.fromkeys(config.states)]
    n, m, k = config.n_normal_prompts, len(states), config.n_anomaly_suffixes
    heads = {
        "states": (_some(["".join(_lines(s, 15, 1)) for s in states], 14), m),
        "suffixes": (_some([f"[A{i + 1}]" for i in range(k)], 8), k),
    }
    contexts = _some([f"context [P{i + 1}]" for i in range(n)], 8)
    step = min(0.55, 4.75 / sum(max(4, len(words)) for words, _ in heads.values()))
    tall = 0.15 + LETTER * max(
        (len(w) * letters_wide(w) for words, _ in heads.values() for w in words), default=0
    )
    top = 0.7 + 0.42 * len(contexts)
    boxes, notes, left = {}, [(f"N = {n}", 0.72, 0.5)], 1.95
    for row, word in enumerate(contexts):
        y = top - 0.42 * (row + 0.5)
        boxes[word] = Box(word, 0.72, y, 1.15, 0.34, "learnt")
        boxes[f"{word} NP"] = Box("NP", 1.58, y, 0.4, 0.34, "normal")
    for group, letter, sort, kind in (
        ("states", "M", "MAP", "frozen"),
        ("suffixes", "L", "LAP", "learnt"),
    ):
        words, count = heads[group]
        if not count:
            continue
        middle = left + step * max(4, len(words)) / 2
        for column, word in enumerate(words):
            x = middle + step * (column + 0.5 - len(words) / 2)
            place = x, top + 0.08 + tall / 2, 0.82 * step, tall
            boxes[f"{group} {column}"] = Box(word, *place, kind, turned=True)
            for row in range(len(contexts)):
                place = x, top - 0.42 * (row + 0.5), 0.82 * step, 0.34
                boxes[f"{group} {row} {column}"] = Box("", *place, "anomalous")
        notes += [(f"{letter} = {count} {group}", middle, top + tall + 0.22)]
        notes += [(f"N x {letter} = {n * count} {sort}", middle, 0.5)]
        left += step * max(4, len(words)) + 0.2
    return drawn(
        boxes,
        (),
        top + tall + 0.38,
        f"Semantic concatenation: {counted(n, 'context')} make {n} normal prompts (NP), and with "
        f"{m} written and {k} learnt suffixes {n * m} + {n * k} = {n * (m + k)} negatives, without "
        "a picture of a defect.",
        notes=notes,
    )


def _some(words: Sequence[str], most: int) -> list[str]:
    """All of them, or the first ones and dots."""
    return list(words) if len(words) <= most else [*words[: most - 1], "..."]
