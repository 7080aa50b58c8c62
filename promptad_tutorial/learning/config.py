"""All settings of PromptAD in one frozen record, and the two presets: `paper` and `released`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from promptad_tutorial.prompts.words import GENERIC_STATES

# A setting from a file cannot ask for all of the memory.
LARGEST_MAP = 4096  # pixels a side
MOST_STATES = 1000
ENDLESS = float("inf")
RANGES = {  # least and most of every number but the margin
    "n_normal_tokens": (0, 1000),
    "n_anomaly_tokens": (0, 1000),
    "n_normal_prompts": (1, 100),
    "n_normal_prompts_pixel": (1, 100),
    "n_anomaly_suffixes": (0, 100),
    "sigma": (0, 1),
    **dict.fromkeys(
        ("steps", "learning_rate", "final_learning_rate", "momentum", "weight_decay"), (0, ENDLESS)
    ),
    **dict.fromkeys(("initial_std", "margin_weight", "alignment_weight"), (0, ENDLESS)),
}


@dataclass(frozen=True)
class Traps:
    """Where the released code differs from the paper (method section 4); all off is the paper.

    Each is a switch of its own, so that its price can be measured. 5 and 6 are about the test set
    and the drawing of the shots, which no detector sees: whoever runs the experiment does them
    (`benchmark.test_selection`, `datasets.shots.draw_unsorted_shots`), and a plain `fit` is honest.
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
    the defects; a product's own list is `GENERIC_STATES + words.own_states(category)`, which
    `traps.own_states` appends by the category's name. A state that comes twice counts once, except
    with that trap.
    """

    # prompts (method section 1)
    states: Sequence[str] = GENERIC_STATES  # M; a tuple from then on
    n_normal_tokens: int = 4  # E_N
    n_anomaly_tokens: int = 1  # E_A
    n_normal_prompts: int = 3  # N at image level
    n_normal_prompts_pixel: int = 1  # N at pixel level
    n_anomaly_suffixes: int = 4  # L
    initial_std: float = 0.02  # learnt tokens start at N(0, this)
    normal_start: str | None = None  # words of E_N tokens for contexts to start from instead
    own_start: str | None = None  # the same for the contexts of CoOp's second class
    # training (method section 2)
    steps: int = 100
    learning_rate: float = 0.002
    final_learning_rate: float = 1e-5
    momentum: float = 0.9
    weight_decay: float = 5e-4
    margin: float = 0.0
    margin_weight: float = 1.0  # 0: no explicit anomaly margin
    alignment_weight: float = 0.001  # lambda
    # inference (method section 3)
    use_memory: bool = True  # the vision-guided branch
    map_size: int = 240  # pixels a side of the anomaly maps
    sigma: float = 4 / 400  # of the Gaussian over maps, as a share of their side
    traps: Traps = field(default_factory=Traps)

    def __post_init__(self) -> None:
        if isinstance(self.states, str):
            raise ValueError(f"states must be a sequence of patterns, got the text {self.states!r}")
        object.__setattr__(self, "states", tuple(self.states))
        if not all(isinstance(state, str) for state in self.states):
            raise ValueError(f"states must be a list of texts, got {self.states!r}")
        for name, (least, most) in RANGES.items():
            value = self._number(name)
            if not (value >= least and value < ENDLESS):  # also false for NaN
                raise ValueError(f"{name} must be {least} or more, got {value}")
            if value > most:
                raise ValueError(f"{name} must be at most {most}, got {value}")
        if not abs(self._number("margin")) < float("inf"):
            raise ValueError(f"margin must be finite, got {self.margin}")
        if len(self.states) > MOST_STATES:
            raise ValueError(f"states must be at most {MOST_STATES}, got {len(self.states)}")
        for name in ("normal_start", "own_start"):
            if not isinstance(getattr(self, name), (str, type(None))):
                raise ValueError(f"{name} must be a text or None, got {getattr(self, name)!r}")
        if not isinstance(self.use_memory, bool):
            raise ValueError(f"use_memory must be True or False, got {self.use_memory!r}")
        if not isinstance(self.traps, Traps):
            raise ValueError(f"traps must be switches, as Traps(...), got {self.traps!r}")
        self._number("map_size")
        check_map_size(self.map_size)

    def _number(self, name: str) -> float:
        """The setting of this name. ValueError if it is no number, or a broken one of a count."""
        value, whole = getattr(self, name), isinstance(type(self).__dict__[name], int)
        if not isinstance(value, int if whole else (int, float)) or isinstance(value, bool):
            kind = "a whole number" if whole else "a number"
            raise ValueError(f"{name} must be {kind}, got {value!r}")
        return value


def check_map_size(size: int | float) -> int:
    """`size` if it is a whole number of pixels from 1 to LARGEST_MAP. Raises ValueError."""
    if not (1 <= size <= LARGEST_MAP) or size != int(size):
        raise ValueError(f"map_size must be a whole number from 1 to {LARGEST_MAP}, got {size}")
    return int(size)


def config_from(values: dict[str, Any]) -> PromptADConfig:
    """The configuration of a dictionary that `dataclasses.asdict` made, as files hold it.

    Raises ValueError or TypeError for a name that does not exist or a value of the wrong type.
    """
    values = dict(values)
    traps = values.pop("traps", {})
    if not isinstance(traps, dict) or any(not isinstance(v, bool) for v in traps.values()):
        raise ValueError(f"traps must be switches, got {traps!r}")
    return PromptADConfig(**values, traps=Traps(**traps))


def preset(name: str = "paper") -> PromptADConfig:
    """The configuration `paper` (the default everywhere) or `released` (every trap).

    Raises ValueError for another name.
    """
    presets = {
        "paper": PromptADConfig(),
        "released": PromptADConfig(traps=Traps.all()),
    }
    if name not in presets:
        raise ValueError(f"preset must be one of {', '.join(presets)}; got {name!r}")
    return presets[name]


def with_trap(config: PromptADConfig, trap: str) -> PromptADConfig:
    """The same configuration with one more trap, by the name of its switch.

    Raises ValueError for an unknown name.
    """
    if trap not in Traps.names():
        raise ValueError(f"trap must be one of {', '.join(Traps.names())}; got {trap!r}")
    return replace(config, traps=replace(config.traps, **{trap: True}))
