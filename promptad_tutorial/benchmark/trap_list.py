"""The traps of the released code in words, as method section 4 has them, with their switches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trap:
    """One place where the released code differs from the paper, or is wrong."""

    number: int  # in method section 4
    released: str  # what the released code does
    clean: str  # what the `paper` preset does
    switch: str | None = None  # its name in `config.Traps`; None: nothing to measure, or not here


TRAPS: tuple[Trap, ...] = (
    Trap(
        1,
        "the learnt suffix stands before the object name",
        "after it",
        "suffix_before_name",
    ),
    Trap(
        2,
        "uses the stored log scale (about 4.6) as temperature, in training and scoring",
        "exp of it",
        "log_temperature",
    ),
    Trap(
        3,
        "pixel-level margin sums over patches, not channels",
        "over channels",
        "margin_over_patches",
    ),
    Trap(4, "shots read as RGB, test images as BGR", "RGB everywhere", "test_images_bgr"),
    Trap(
        5,
        "scores the TEST set after every epoch and keeps the best epoch, at image level by image "
        "AUROC and at pixel level, separately, by pixel AUROC (17): the reported figure is a "
        "maximum over 100 looks at the test labels",
        "the last step",
        "test_selected",
    ),
    Trap(
        6,
        "shots are indices into an unsorted directory listing, one draw per k",
        "sorted names, nested seeded draws, several seeds",
        "unsorted_shots",
    ),
    Trap(
        7,
        "memory tokens are views that the next block adds to in place",
        "the exact block output",
        "memory_in_place",
    ),
    Trap(
        8,
        "fp16 forced; the fp32 branch cannot run",
        "fp32 on CPU, bf16/fp16 optional",
    ),
    Trap(
        9,
        "image and pixel level are two separate trainings",
        "one object, two prompt sets, said plainly",
    ),
    Trap(
        10,
        "pairs prompt k mod N with suffix k mod L: misses pairs unless N and L are coprime",
        "every pair",
        "modulo_pairs",
    ),
    Trap(
        11,
        "re-encodes the k shots and the whole test set every epoch, transforms included",
        "encode once: CLIP is frozen and nothing is augmented",
    ),
    Trap(12, "an object it has no suffix list for is a KeyError", "generic suffixes"),
    Trap(
        13,
        "CLIP's own weights keep requires_grad, so their gradients are computed and thrown away",
        "frozen",
    ),
    Trap(14, "checkpoints drop the prompt tokens", "saved"),
    Trap(
        15,
        "pictures go to 1024 x 1024 first, without anti-aliasing, then to the tower's size",
        "one resize",
        "resize_through_1024",
    ),
    Trap(
        16,
        "the suffixes of each class are names of its defects in the test set; those that repeat a "
        "generic state count twice",
        "the generic states, each once",
        "own_states",
    ),
    Trap(
        16,
        "classes are renamed after their suffixes are looked up: pcb1 is a printed circuit board",
        "the category's name as words",
        "renamed_classes",
    ),
)
