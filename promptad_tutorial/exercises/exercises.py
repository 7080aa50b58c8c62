"""What an exercise asks: title, difficulty, minutes and statement, as a notebook shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

HARDEST = 3  # stars


@dataclass(frozen=True, repr=False)
class Exercise:
    """One exercise of a notebook. A cell that ends with it shows its text.

    Raises `ValueError` for a difficulty outside 1 .. 3 or minutes below 1.
    """

    name: str  # the check's name: checks.<name>(answer)
    notebook: str  # the number of the notebook, "00"
    title: str  # what it is about, in a few words
    difficulty: int  # stars, 1 (easy) to 3
    minutes: int  # what most learners need
    statement: str  # Markdown: what to write, with the shapes of what comes in and goes out

    def __post_init__(self) -> None:
        if not 1 <= self.difficulty <= HARDEST:
            raise ValueError(f"difficulty must be 1 .. {HARDEST} stars, got {self.difficulty}")
        if self.minutes < 1:
            raise ValueError(f"minutes must be 1 or more, got {self.minutes}")

    @property
    def stars(self) -> str:
        """The difficulty as stars, `"★★☆"` for 2 of 3."""
        return "★" * self.difficulty + "☆" * (HARDEST - self.difficulty)

    def __repr__(self) -> str:
        return (
            f"Exercise: {self.title} (difficulty {self.difficulty} of {HARDEST}, "
            f"{self.minutes} minutes, checks.{self.name})"
        )

    def _repr_markdown_(self) -> str:
        return (
            f"**Exercise: {self.title}**\n\n"
            f"Difficulty {self.stars} ({self.difficulty} of {HARDEST}) · about {self.minutes} "
            f"minutes · `checks.{self.name}`\n\n{self.statement}"
        )


_ALL = (
    Exercise(
        "spot_the_defects",
        "00",
        "be the detector",
        difficulty=1,
        minutes=4,
        statement="Look at the pictures. Write the set of the numbers of those that show a "
        "defect, as `{2, 5}`. The first picture is number 0.",
    ),
    Exercise(
        "count_by_defect",
        "00",
        "how many of each?",
        difficulty=1,
        minutes=8,
        statement="Write `count_by_defect(samples)`. It takes a list of samples and returns a "
        "dict from defect name (`sample.defect`) to the number of samples that have it. Good "
        "samples count under their own name, `'good'`.",
    ),
    Exercise(
        "cosine_similarity",
        "01",
        "cosine similarity",
        difficulty=1,
        minutes=8,
        statement="Write `cosine_similarity(a, b)`. It takes tensors `a` of shape `(n, d)` and "
        "`b` of shape `(m, d)`, one vector a row, and returns a tensor of shape `(n, m)`: entry "
        "$[i, j]$ is $\\langle a_i, b_j \\rangle / (\\lVert a_i \\rVert \\lVert b_j \\rVert)$.",
    ),
    Exercise(
        "auroc",
        "01",
        "AUROC from its meaning",
        difficulty=2,
        minutes=12,
        statement="Write `auroc(labels, scores)`. Both are numpy arrays of shape `(n,)`; label 1 "
        "is anomalous, 0 is normal. Over all pairs of one anomalous and one normal picture, "
        "return the share in which the anomalous one has the higher score, a float from 0 to 1. "
        "A pair with equal scores counts one half.",
    ),
    Exercise(
        "ensemble_prototype",
        "01",
        "one vector for many prompts",
        difficulty=1,
        minutes=6,
        statement="Write `ensemble_prototype(features)`. It takes a tensor of shape `(n, d)`, the "
        "unit-norm features of `n` prompts, and returns a tensor of shape `(d,)`: the direction "
        "of their mean, with length 1.",
    ),
    Exercise(
        "vv_attention",
        "02",
        "attention among the values",
        difficulty=2,
        minutes=10,
        statement="Write `vv_attention(v)`. It takes the values of one head, a tensor of shape "
        "`(tokens, width)`, and returns a tensor of the same shape: "
        "$\\mathrm{softmax}(v v^\\top / \\sqrt{\\mathrm{width}})\\, v$. Each token's weights add "
        "up to 1.",
    ),
    Exercise(
        "region_overlap",
        "02",
        "how much of each defect is found?",
        difficulty=3,
        minutes=20,
        statement="Write `region_overlap(mask, anomaly_map, threshold)`. `mask` is a boolean numpy "
        "array of shape `(h, w)`, `anomaly_map` one of numbers of the same shape. A region is a "
        "group of marked pixels that touch at a side or a corner. Take the share of each "
        "region's pixels whose map is at or above the threshold, and return the mean over the "
        "regions, a float. A mask without a region has no overlap: return `nan` or raise "
        "`ValueError`.",
    ),
    Exercise(
        "hot_patch",
        "02",
        "find the hottest patch",
        difficulty=1,
        minutes=6,
        statement="Write `hot_patch(patch_scores, grid)`. `patch_scores` is a tensor of shape "
        "`(h * w,)`, the patches of a picture row by row, and `grid` is `(h, w)`. Return "
        "`(row, column)` of the highest score, two ints that count from 0.",
    ),
    Exercise(
        "two_class_loss",
        "03",
        "the loss of learnt prompts",
        difficulty=2,
        minutes=10,
        statement="Write `two_class_loss(z, normal, negatives, temperature)`. `z` are the features "
        "of `k` normal pictures, a tensor of shape `(k, d)`; `normal` of shape `(d,)` is the "
        "normal prototype and `negatives` of shape `(j, d)` are the features of `j` anomaly "
        "prompts, all of length 1. The logits of a picture are the temperature times its cosines "
        "with the normal prototype and with each negative. Return one number: the cross-entropy "
        "with the normal prototype as the target, mean over the pictures.",
    ),
    Exercise(
        "learn_sides",
        "03",
        "a bug that really happened",
        difficulty=2,
        minutes=10,
        statement="`learn_sides(z, sides, logit_scale, steps)` learns the two sides directly, "
        "without a text tower: `z` of shape `(k, d)` are normal pictures, `sides` of shape "
        "`(2, d)` the normal and the anomalous side, of any length, and `logit_scale` is the "
        "number as CLIP stores it in `model.logit_scale`. It returns the sides after `steps` "
        "steps, a tensor of shape `(2, d)`. It runs, and its loss falls, but one line is not what "
        "the equation above it says. The code that the authors of PromptAD released has the "
        "same bug. Find it and mend it.",
    ),
    Exercise(
        "negative_prompts",
        "04",
        "every negative, each once",
        difficulty=2,
        minutes=10,
        statement="Write `negative_prompts(name, contexts, states, suffixes)`. `name` is the "
        "product, as `'nut'`; `contexts` is a list as `['[P1]', '[P2]']`, `states` a list of "
        "patterns as `['damaged {}', '{} with flaw']` and `suffixes` a list as `['[A1]', '[A2]']`. "
        "Return the list of all negatives, in any order and each once: every context with every "
        "state, as `'[P1] nut with flaw.'`, and every context with the name and every suffix, as "
        "`'[P1] nut [A1].'`. The normal prompts are not among them.",
    ),
    Exercise(
        "tree_nodes",
        "04",
        "how many tokens are left?",
        difficulty=2,
        minutes=10,
        statement="Write `tree_nodes(prompts)`. `prompts` is a list of prompts, each a list of "
        "tokens, and all begin with the same token. A node of their tree stands for a beginning: a "
        "first token, the first two, and so on up to a whole prompt. Equal beginnings are one "
        "node. Return the number of nodes, an int.",
    ),
    Exercise(
        "margin_loss",
        "05",
        "the margin loss",
        difficulty=1,
        minutes=8,
        statement="Write `margin_loss(z, w_n, w_a, margin)`. `z` are the features of `k` normal "
        "pictures, a tensor of shape `(k, d)`; `w_n` and `w_a` of shape `(d,)` are the normal and "
        "the anomaly prototype, all of length 1. With $d$ the squared Euclidean distance, a "
        "picture costs $\\mathrm{relu}(d(z, w_n) - d(z, w_a) + \\text{margin})$. Return the mean "
        "over the pictures, one number.",
    ),
    Exercise(
        "idle_margin",
        "05",
        "up to which margin does nothing happen?",
        difficulty=2,
        minutes=8,
        statement="Write `idle_margin(z, w_n, w_a)`. The shapes are those of `margin_loss`, and "
        "every picture is nearer to `w_n` than to `w_a`. Return the largest margin for which the "
        "margin loss is still exactly 0, one number.",
    ),
    Exercise(
        "margin_gradient",
        "05",
        "the slope of a hinge",
        difficulty=3,
        minutes=12,
        statement="Write `margin_gradient(z, w_n, w_a, margin)` without autograd. The shapes are "
        "those of `margin_loss`. Return the gradient of the margin loss with respect to `w_a`, a "
        "tensor of shape `(d,)`. `w_a` is a free vector here: nothing brings it back to length 1.",
    ),
    Exercise(
        "memory_distance",
        "06",
        "how far to the nearest stored patch?",
        difficulty=2,
        minutes=10,
        statement="Write `memory_distance(tokens, memory)`. `tokens` of shape `(blocks, p, w)` are "
        "the `p` patch tokens of one picture after each of some blocks, `memory` of shape "
        "`(blocks, s, w)` the `s` stored ones; their lengths differ. For each block and patch take "
        "the largest cosine to a stored token of the same block, turn it into the distance "
        "$(1 - \\cos)/2$, and average over the blocks. Return a tensor of shape `(p,)`.",
    ),
    Exercise(
        "fuse_harmonically",
        "06",
        "one score out of two",
        difficulty=1,
        minutes=8,
        statement="Write `fuse_harmonically(text, visual)`. It takes two tensors of the same "
        "shape, scores from 0 to 1, and returns a tensor of that shape: $1/(1/a + 1/b)$ for "
        "each pair. Some scores are exactly 0, some pairs in both; where one of the two is 0 the "
        "result is 0. No entry may be `nan`.",
    ),
    Exercise(
        "normal_threshold",
        "06",
        "a threshold from good pictures",
        difficulty=2,
        minutes=10,
        statement="Write `normal_threshold(scores, quantile)`. `scores` is a numpy array of shape "
        "`(n,)`, the scores of `n` good pictures that no part of the detector has learnt from; "
        "`quantile` is the number $q$. Return the upper end of the prediction interval for one "
        "more good picture, a float: $m + q\\,s\\,\\sqrt{1 + 1/n}$ with the mean $m$ and the "
        "standard deviation $s$ of a sample.",
    ),
    Exercise(
        "paired_interval",
        "07",
        "a difference and how sure it is",
        difficulty=2,
        minutes=12,
        statement="Write `paired_interval(mine, other)`. Both are numpy arrays of shape `(lines, "
        "seeds)`: the AUROC in % of two methods on the same product lines with the same seeds. "
        "Return `(difference, low, high)`: the mean of mine minus other, and its 95 % t-interval "
        "over product lines. A line counts once, with the mean over its seeds; the interval of "
        "`n` values $d$ is "
        "$\\bar d \\mp t_{0.975,\\,n-1}\\, s / \\sqrt{n}$, with $s$ their standard deviation "
        "with $n - 1$ below the fraction line (`stats.t.ppf` of scipy gives the quantile).",
    ),
    Exercise(
        "noise_optimism",
        "07",
        "how good is the best of nothing?",
        difficulty=2,
        minutes=10,
        statement="A noise detector gives every picture a random number. On 24 good and 32 "
        "anomalous pictures, its AUROC is 50 % on average. Predict the average AUROC of the "
        "**best** of 1, of 10 and of 100 noise detectors: a list of three numbers in %. Guess, "
        "simulate or compute; within 2 points is right.",
    ),
    Exercise(
        "evaluate_run",
        "07",
        "two leaks in six lines",
        difficulty=2,
        minutes=10,
        statement="`evaluate_run(scores, labels)` turns `scores` of shape `(seeds, steps, n)`, the "
        "scores of `n` test pictures after every step of a training with each seed, and `labels` "
        "of shape `(n,)` into the one AUROC that goes into a table, a number from 0 to 1. Two of "
        "its lines use the test labels to decide something; one of them is what the code that "
        "the authors of PromptAD released does. Find both, and mend them: what belongs into the "
        "table is the mean over seeds of the AUROC after the last step.",
    ),
    Exercise(
        "split_good",
        "08",
        "a folder that cheats",
        difficulty=2,
        minutes=10,
        statement="`split_good(names, shots, seed)` gets the names of the good pictures as the "
        "operating system lists them, in any order, and returns two lists: `shots` names that are "
        "drawn by `np.random.default_rng(seed).permutation(len(names))`, and all the others, to "
        "be held out for the threshold. It runs. But the same folder gives other shots on another "
        "machine, and something leaks. Find both bugs and mend them: sort the names with "
        "`sorted`, then draw the first places of the permutation.",
    ),
    Exercise(
        "alarm_threshold",
        "08",
        "a threshold that keeps a promise",
        difficulty=2,
        minutes=10,
        statement="Write `alarm_threshold(good_scores, rate)`. `good_scores` is a numpy array of "
        "shape `(n,)`, the scores of good pictures that the detector has not learnt from; `rate` "
        "lies between 0 and 1. A picture is called anomalous if its score is strictly above the "
        "threshold. Return the lowest of the scores for which at most the share `rate` of these "
        "pictures is called anomalous, one number.",
    ),
    Exercise(
        "good_pictures_needed",
        "08",
        "how many good pictures?",
        difficulty=3,
        minutes=12,
        statement="Write `good_pictures_needed(rate, confidence)`, two numbers between 0 and 1. "
        "You test a fixed threshold on `n` new good pictures, and none of them is an alarm. "
        "Return the smallest `n` that lets you claim, with this confidence, that the "
        "false-positive rate is below `rate`: with a rate of `rate` or more, seeing no alarm "
        "must have a chance of at most `1 - confidence`.",
    ),
)
# By name, in the order of the notebooks.
EXERCISES: Mapping[str, Exercise] = MappingProxyType({each.name: each for each in _ALL})


def exercise(name: str) -> Exercise:
    """The text of one exercise; a notebook shows it as Markdown.

    Raises `ValueError` for a name that is not in `EXERCISES`.
    """
    if name not in EXERCISES:
        raise ValueError(f"expected the name of an exercise ({', '.join(EXERCISES)}), got {name!r}")
    return EXERCISES[name]
