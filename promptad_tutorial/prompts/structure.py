"""What learnt prompts are made of, as data: contexts, words and suffixes. No tensors.

    [start] [context: E_N learnt tokens] words [suffix: E_A learnt tokens] words [end]

In: a product's name, states and counts. Out: `PromptStructure`, every prompt of CoOp or PromptAD in
that form. Semantic concatenation (method section 1) makes a negative prompt of a normal one and an
anomaly suffix, without any anomalous image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promptad_tutorial.prompts.words import GENERIC_STATES, compose, product_name

STOP = "."  # closes every prompt


@dataclass(frozen=True)
class LearntPrompt:
    """One prompt: `[context] before [suffix] after`, where the suffix may be missing."""

    context: int  # number of the learnt context that opens it
    before: str  # words after the context; may be empty
    suffix: int | None = None  # number of the learnt suffix that follows
    after: str = STOP  # words at the end

    def text(self) -> str:
        """The prompt in the notation of the paper, numbers from 1: `[P1] nut [A2].`"""
        suffix = "" if self.suffix is None else f"[A{self.suffix + 1}]"
        words = [f"[P{self.context + 1}]", self.before, suffix, self.after]
        return " ".join(filter(None, words)).replace(f" {STOP}", STOP)


@dataclass(frozen=True)
class PromptStructure:
    """All prompts of one level, and how many learnt tokens they share (method section 1)."""

    normal: tuple[LearntPrompt, ...]  # NP
    manual: tuple[LearntPrompt, ...] = ()  # MAP
    learnt: tuple[LearntPrompt, ...] = ()  # LAP
    own: tuple[LearntPrompt, ...] = ()  # CoOp's second class, with contexts of its own
    n_context_tokens: int = 4  # E_N
    n_suffix_tokens: int = 1  # E_A

    def __post_init__(self) -> None:
        if not self.normal:
            raise ValueError("a prompt structure needs at least one normal prompt, got none")
        if min(self.n_context_tokens, self.n_suffix_tokens) < 0:
            raise ValueError(
                f"numbers of learnt tokens must be 0 or more, got {self.n_context_tokens} and "
                f"{self.n_suffix_tokens}"
            )

    @property
    def anomalous(self) -> tuple[LearntPrompt, ...]:
        """Every negative: MAP, then LAP, then those of CoOp's second class."""
        return (*self.manual, *self.learnt, *self.own)

    @property
    def prompts(self) -> tuple[LearntPrompt, ...]:
        """Every prompt, the normal ones first."""
        return (*self.normal, *self.anomalous)

    @property
    def n_contexts(self) -> int:
        """How many contexts are learnt: N, and CoOp's own."""
        return 1 + max(prompt.context for prompt in self.prompts)

    @property
    def n_suffixes(self) -> int:
        """How many suffixes are learnt: L."""
        return 1 + max((p.suffix for p in self.prompts if p.suffix is not None), default=-1)


def pull_only(name: str, n_normal_prompts: int = 1, n_normal_tokens: int = 4) -> PromptStructure:
    """CoOp's first form for one class: normal prompts and nothing to tell them from."""
    return semantic_concatenation(name, n_normal_prompts, n_normal_tokens, (), 0)


def two_classes(name: str, n_normal_prompts: int = 1, n_normal_tokens: int = 4) -> PromptStructure:
    """CoOp's second form: as many anomaly prompts, told apart by contexts of their own alone."""
    words = product_name(name)
    _check_count("n_normal_prompts", n_normal_prompts, least=1)
    return PromptStructure(
        normal=tuple(LearntPrompt(i, words) for i in range(n_normal_prompts)),
        own=tuple(LearntPrompt(n_normal_prompts + i, words) for i in range(n_normal_prompts)),
        n_context_tokens=n_normal_tokens,
    )


def semantic_concatenation(
    name: str,
    n_normal_prompts: int = 3,
    n_normal_tokens: int = 4,
    states: Sequence[str] = GENERIC_STATES,
    n_anomaly_suffixes: int = 4,
    n_anomaly_tokens: int = 1,
    suffix_before_name: bool = False,
    modulo_pairs: bool = False,
    repeat_states: bool = False,
) -> PromptStructure:
    """PromptAD's prompts: N normal ones, N * M with manual and N * L with learnt suffixes.

    NP_i = `[P_i] nut.`, MAP_im = `[P_i] nut with flaw.` for every state m, and
    LAP_il = `[P_i] nut [A_l].` for every suffix l. Each pair comes once. No states and no learnt
    suffixes leave the normal prompts alone: `pull_only`.

    `suffix_before_name` is trap 1 of method section 4 (`[P_i] [A_l] nut.`), `modulo_pairs` trap
    10: of the pairs (k mod N, k mod L), k < N L, which repeat themselves and miss others unless N
    and L have no common divisor. `repeat_states` is part of trap 16: a state that is listed twice
    is a prompt twice, and weighs double in w_a. Raises ValueError for a state without its one {},
    and for counts that are too small.
    """
    words = product_name(name)
    _check_count("n_normal_prompts", n_normal_prompts, least=1)
    _check_count("n_anomaly_suffixes", n_anomaly_suffixes, least=0)
    contexts, suffixes = range(n_normal_prompts), range(n_anomaly_suffixes)
    pairs = [(i, j) for i in contexts for j in suffixes]
    if modulo_pairs:
        pairs = [(k % n_normal_prompts, k % n_anomaly_suffixes) for k in range(len(pairs))]
    states = tuple(states) if repeat_states else tuple(dict.fromkeys(states))
    stated = compose(words, states, ("{}",))
    around = ("", f"{words}{STOP}") if suffix_before_name else (words, STOP)
    return PromptStructure(
        normal=tuple(LearntPrompt(i, words) for i in contexts),
        manual=tuple(LearntPrompt(i, text) for i in contexts for text in stated),
        learnt=tuple(LearntPrompt(i, around[0], j, around[1]) for i, j in pairs),
        n_context_tokens=n_normal_tokens,
        n_suffix_tokens=n_anomaly_tokens,
    )


def _check_count(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be {least} or more, got {value}")
