"""All settings of PromptAD in one frozen record, and the two presets: `paper` and `released`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from promptad_tutorial.prompts.words import GENERIC_STATES

# A setting from a file cannot ask for all of the memory.
LARGEST_MAP = 4096  # pixels a side
MOST_STATES = 1000


def number(default: float, least: float = 0, most: float = math.inf) -> Any:
    """A setting that is a finite number of the default's type, from `least` to `most`."""
    return field(default=default, metadata={"range": (least, most)})


@dataclass(frozen=True)
class Traps:
    """Where the released code differs from the paper (method section 4); all off is the paper.

    Each is a switch of its own, so that its price can be measured. 5 and 6 are about the test set
    and the drawing of the shots, which no detector sees: whoever runs the experiment does them, and
    a plain `fit` is honest.
    """

    suffix_before_name: bool = False  # 1: `[P] [A] nut.` instead of `[P] nut [A].`
    log_temperature: bool = False  # 2: the logarithm of t where t is meant
    margin_over_patches: bool = False  # 3: the pixel-level margin sums over patches, not channels
    test_images_bgr: bool = False  # 4: red and blue exchanged in what is scored
    test_selected: bool = False  # 5, 17: each level keeps the step that is best on the test set
    unsorted_shots: bool = False  # 6: shots are places in an unsorted listing, one draw per k
    memory_in_place: bool = False  # 7: the next block has added its attention to the memory
    modulo_pairs: bool = False  # 10: pairs (k mod N, k mod L) instead of every pair
    resize_through_1024: bool = False  # 15: first to 1024 x 1024 without anti-aliasing
    own_states: bool = False  # 16: the category's defects beside the states; repeated ones count
    renamed_classes: bool = False  # 16: `pcb1` is called "printed circuit board", and so on

    @classmethod
    def all(cls) -> Traps:
        """Every trap at once, as the released code has them."""
        return cls(**{one.name: True for one in fields(cls)})

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of the switches, in the order of method section 4."""
        return tuple(one.name for one in fields(cls))


@dataclass(frozen=True)
class PromptADConfig:
    """Everything that decides a fit, beside backbone, shots and seed. Defaults: the paper's.

    `states` are the manual suffixes: patterns with one {}. The generic ones need no knowledge of
    the defects. A state that comes twice counts once, except with `traps.own_states`.
    """

    # prompts (method section 1)
    states: Sequence[str] = GENERIC_STATES  # M; a tuple from then on
    n_normal_tokens: int = number(4, most=1000)  # E_N
    n_anomaly_tokens: int = number(1, most=1000)  # E_A
    n_normal_prompts: int = number(3, 1, 100)  # N at image level
    n_normal_prompts_pixel: int = number(1, 1, 100)  # N at pixel level
    n_anomaly_suffixes: int = number(4, most=100)  # L
    initial_std: float = number(0.02)  # learnt tokens start at N(0, this)
    normal_start: str | None = None  # words of E_N tokens for contexts to start from instead
    own_start: str | None = None  # the same for the contexts of CoOp's second class
    # training (method section 2)
    steps: int = number(100)
    learning_rate: float = number(0.002)
    final_learning_rate: float = number(1e-5)
    momentum: float = number(0.9)
    weight_decay: float = number(5e-4)
    margin: float = number(0.0, -math.inf)
    margin_weight: float = number(1.0)  # 0: no explicit anomaly margin
    alignment_weight: float = number(0.001)  # lambda
    # inference (method section 3)
    use_memory: bool = True  # the vision-guided branch
    map_size: int = number(240, 1, LARGEST_MAP)  # pixels a side of the anomaly maps
    sigma: float = number(4 / 400, most=1)  # of the Gaussian over maps, as a share of their side
    traps: Traps = field(default_factory=Traps)

    def __post_init__(self) -> None:
        if isinstance(self.states, str):
            raise ValueError(f"states must be a sequence of patterns, got the text {self.states!r}")
        object.__setattr__(self, "states", tuple(self.states))
        if not all(isinstance(state, str) for state in self.states):
            raise ValueError(f"states must be a list of texts, got {self.states!r}")
        if len(self.states) > MOST_STATES:
            raise ValueError(f"states must be at most {MOST_STATES}, got {len(self.states)}")
        for one in fields(self):
            if "range" in one.metadata:
                self._check_number(one.name, type(one.default), *one.metadata["range"])
        for name, kind, said in (
            ("normal_start", str | None, "a text or None"),
            ("own_start", str | None, "a text or None"),
            ("use_memory", bool, "True or False"),
            ("traps", Traps, "switches, as Traps(...)"),
        ):
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"{name} must be {said}, got {getattr(self, name)!r}")

    def _check_number(self, name: str, kind: type, least: float, most: float) -> None:
        value = getattr(self, name)
        if not isinstance(value, (int, kind)) or isinstance(value, bool):
            said = "a whole number" if kind is int else "a number"
            raise ValueError(f"{name} must be {said}, got {value!r}")
        if not (least <= value and abs(value) < math.inf):  # NaN neither
            said = "finite" if least == -math.inf else f"{least} or more"
            raise ValueError(f"{name} must be {said}, got {value}")
        if value > most:
            raise ValueError(f"{name} must be at most {most}, got {value}")


def check_map_size(size: int | float) -> int:
    """`size` if it is a whole number of pixels from 1 to LARGEST_MAP. Raises ValueError."""
    if not (1 <= size <= LARGEST_MAP) or size != int(size):
        raise ValueError(f"map_size must be a whole number from 1 to {LARGEST_MAP}, got {size}")
    return int(size)


def config_from(values: dict[str, Any]) -> PromptADConfig:
    """What `dataclasses.asdict` made of one. ValueError or TypeError for what does not fit."""
    values = dict(values)
    traps = values.pop("traps", {})
    if not isinstance(traps, dict) or any(not isinstance(v, bool) for v in traps.values()):
        raise ValueError(f"traps must be switches, got {traps!r}")
    return PromptADConfig(**values, traps=Traps(**traps))


def preset(name: str = "paper") -> PromptADConfig:
    """`paper` (the default everywhere) or `released` (every trap). ValueError for another."""
    traps = {"paper": Traps(), "released": Traps.all()}
    if name not in traps:
        raise ValueError(f"preset must be one of {', '.join(traps)}; got {name!r}")
    return PromptADConfig(traps=traps[name])


def with_trap(config: PromptADConfig, trap: str) -> PromptADConfig:
    """The same configuration with one more trap, by name. ValueError for an unknown one."""
    if trap not in Traps.names():
        raise ValueError(f"trap must be one of {', '.join(Traps.names())}; got {trap!r}")
    return replace(config, traps=replace(config.traps, **{trap: True}))
