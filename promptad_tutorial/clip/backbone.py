"""A frozen CLIP: images and prompts in, unit-norm features of one joint space out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm

from promptad_tutorial.clip.attention import attention_weights, check_kind
from promptad_tutorial.clip.image_tower import ImageFeatures, encode_pixels, tokens_before_block
from promptad_tutorial.clip.out_of_memory import HalvingBatches, check_batch_size, largest_batch
from promptad_tutorial.clip.precision import HALF, check_precision, prepare_model
from promptad_tutorial.clip.text_tower import Prompts, TextEncoder
from promptad_tutorial.clip.threads import threads_for
from promptad_tutorial.clip.weights.checkpoints import weights_checksum
from promptad_tutorial.clip.weights.pretrained import LoadedModel
from promptad_tutorial.files.pictures import RESIZE_MODES, check_ready, list_images, preprocess

Result = TypeVar("Result")

LONG_WORK = 256  # from so many images on a progress bar is worth its line


class Backbone:
    """A frozen open_clip CLIP on one device; make one with ``load_backbone``.

    All features come out with length 1, in float32 also where the image tower multiplies in half
    precision (in float64 where the towers run in that), on the backbone's device, without an
    autograd graph unless a learnt embedding needs one.
    """

    def __init__(
        self,
        name: str,
        loaded: LoadedModel,
        tokenizer: Any,
        device: torch.device,
        dtype: torch.dtype,
        unknown_words: Callable[[str], list[str]] | None = None,
        resize: str = "squash",
    ):
        """Freeze ``loaded.model`` and move it; see ``load_backbone``.

        ``unknown_words`` lists the words of a prompt that the model was never trained on.
        """
        if resize not in RESIZE_MODES:
            raise ValueError(f"resize must be one of {', '.join(RESIZE_MODES)}; found {resize!r}.")
        model = loaded.model.eval().requires_grad_(False)
        self.name, self.resize = name, resize
        # goes beside every result
        self.label = f"{name} ({loaded.weights}{'' if resize == 'squash' else ', central squares'})"
        if dtype in HALF:
            self.label += f", {str(dtype).removeprefix('torch.')}"
        self.temperature = math.exp(float(model.logit_scale))  # t, before any rounding to dtype
        if dtype != torch.float32:
            self.checksum = weights_checksum(model)  # of the weights as they were published
        self.model = prepare_model(model, device, dtype)
        visual = self.model.visual
        self.device, self.dtype = visual.conv1.weight.device, dtype
        self.largest_batch = largest_batch(visual)  # smaller once memory ran out
        self.pixel_dtype = visual.class_embedding.dtype
        self.mean, self.std, self.interpolation = loaded.mean, loaded.std, loaded.interpolation
        self.image_size = int(visual.image_size[0])  # S: images are S x S pixels
        self.grid: tuple[int, int] = tuple(visual.grid_size)  # (H, W) in patches
        self.width = int(visual.class_embedding.shape[0])  # of image tokens and memory
        self.embed_dim = int(visual.proj.shape[1])  # D: the joint space
        self.depth = len(visual.transformer.resblocks)
        self.text = TextEncoder(model, tokenizer, unknown_words)
        self.text_width, self.context_length = self.text.width, self.text.context_length
        self._text_in = {self.text.positional_embedding.dtype: self.text}

    def __repr__(self) -> str:
        return f"Backbone({self.label}, {self.device}, {self.dtype})"

    @cached_property
    def checksum(self) -> str:
        """sha256 of the weights in float32: the same on every device and in every dtype."""
        return weights_checksum(self.model)

    @property
    def memory_blocks(self) -> tuple[int, ...]:
        """Blocks whose tokens the memory keeps by default: at 1/4 and 2/3 of the depth, rounded.

        Counted from 1: blocks 3 and 8 of 12 (the paper's), 2 and 4 of 6, 6 and 16 of 24.
        """
        rounded = (math.floor(self.depth * share + 0.5) for share in (1 / 4, 2 / 3))
        return tuple(sorted({max(1, number) for number in rounded}))

    def threads(self) -> AbstractContextManager[None]:
        """The context for work with this backbone: one thread on a CPU if it is small, see
        ``threads``. Encoding enters it by itself; what is learnt or scored from features should."""
        return threads_for(max(self.width, self.text_width), self.device)

    def image_precision(self) -> torch.autocast:
        """The context for the image tower: torch.autocast in half precision, else nothing."""
        half = self.dtype in HALF
        return torch.autocast(self.device.type, dtype=self.dtype if half else None, enabled=half)

    def text_in(self, dtype: torch.dtype) -> TextEncoder:
        """The text tower in float32 or float64: ``text`` itself if it is that, else a copy.

        Prompts that are learnt in float64 do not depend on how a machine rounds float32. Raises
        ValueError for another dtype, or one that the device cannot compute in (float64 on MPS).
        """
        if dtype not in self._text_in:
            if dtype in HALF:
                raise ValueError(f"expected float32 or float64 for the text tower, found {dtype}.")
            check_precision(self.device, dtype)
            self._text_in[dtype] = self.text.to(dtype)
        return self._text_in[dtype]

    def encode_images(
        self,
        images: Any,
        batch_size: int = 16,
        blocks: Sequence[int] | None = None,
        attention: str = "v-v",
        first_block: int = 1,
        resize: str | None = None,
        blocks_in_place: bool = False,
        bgr: bool = False,
    ) -> ImageFeatures:
        """Image embedding, patch embeddings and memory tokens, from one pass per image.

        ``images``: one or many of: a path, a PIL image, an array (H, W) or (H, W, 3), see
        ``images.read_image``; an array (B, H, W, 3); or a float tensor (3, S, S) or (B, 3, S, S)
        that is ALREADY resized and normalised with ``mean`` and ``std``, as ``preprocess``
        returns it. Files are read batch by batch.
        ``blocks``: whose output tokens to keep, counted from 1, in this order; ``memory_blocks``
        by default, ``()`` for none. They come from the untouched path.
        ``attention``: "v-v" for patches of the V-V path, which leaves the untouched one at
        ``first_block`` (default: all blocks); "q-k", "q-q" or "k-k" for the same path with
        another attention; "plain" for patches of untouched CLIP.
        ``resize``: "squash" or "crop", see ``images.preprocess``; by default the backbone's own.
        ``blocks_in_place`` and ``bgr`` (red and blue exchanged) are traps 7 and 4 of method
        section 4: they exist to measure what the released code does.

        Raises ImageError for images, ValueError for settings.
        """
        blocks = tuple(self.memory_blocks if blocks is None else blocks)
        self._check_blocks(*blocks, first_block)
        if attention != "plain":
            check_kind(attention)

        def encode(pixels: Tensor) -> ImageFeatures:
            pixels = self._exchange_red_and_blue(pixels) if bgr else pixels
            how = blocks, attention, first_block, blocks_in_place
            return encode_pixels(self.model.visual, pixels, *how)

        return ImageFeatures.concatenate(self.in_batches(images, batch_size, encode, resize))

    def attention_weights(
        self, images: Any, block: int, kind: str = "v-v", batch_size: int = 16
    ) -> Float[Tensor, "batch tokens tokens"]:
        """Attention of one block (counted from 1) on the untouched path, averaged over heads.

        Token 0 is CLS, then come the H*W patches; rows sum to 1. See
        ``attention.attention_weights``. Raises ImageError or ValueError.
        """
        check_kind(kind)
        self._check_blocks(block)
        visual = self.model.visual

        def weigh(pixels: Tensor) -> Tensor:
            tokens = tokens_before_block(visual, pixels, block)
            return attention_weights(visual.transformer.resblocks[block - 1], tokens, kind)

        return torch.cat(self.in_batches(images, batch_size, weigh))

    def preprocess(self, image: Any, resize: str | None = None) -> Float[Tensor, "3 size size"]:
        """Anything ``images.read_image`` takes, as the image tower wants it.

        ``resize`` is by default the backbone's own. A tensor is taken for ready and only checked.
        Raises ImageError.
        """
        if isinstance(image, Tensor):
            return check_ready(image, self.image_size)
        resize = self.resize if resize is None else resize
        return preprocess(image, self.image_size, self.mean, self.std, resize, self.interpolation)

    def tokenize(self, prompts: Prompts) -> Int[Tensor, "batch context"]:
        """Token ids ``[start, words.., end, 0, ..]``; see ``TextEncoder.tokenize``.

        Warns of words that the tiny model never saw (UnknownWordWarning). Raises ValueError for an
        empty list, for what is no string, and for a prompt longer than the context.
        """
        return self.text.tokenize(prompts)

    def embed_tokens(
        self, token_ids: Int[Tensor, "batch tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        """Token embeddings without positions, of width ``text_width``, in the tower's dtype."""
        return self.text.embed_tokens(token_ids)

    def eot_positions(self, token_ids: Int[Tensor, "batch tokens"]) -> Int[Tensor, " batch"]:
        """The position of each prompt's end-of-text token, where its feature is read."""
        return self.text.feature_positions(token_ids)

    def encode_text(self, prompts: Prompts, batch_size: int = 256) -> Float[Tensor, "batch embed"]:
        """Unit-norm features of prompts: open_clip's ``encode_text`` over only the positions
        that matter (method section 5). Raises ValueError for prompts that do not fit."""
        check_batch_size(batch_size)
        token_ids = self.tokenize(prompts)
        with self.threads():
            return torch.cat([self.text.encode_ids(part) for part in token_ids.split(batch_size)])

    def encode_prompt_embeddings(
        self,
        embeddings: Float[Tensor, "batch tokens width"],
        eot: Int[Tensor, " batch"],
        unit_norm: bool = True,
    ) -> Float[Tensor, "batch embed"]:
        """Features of learnt prompts, see ``TextEncoder.encode_embeddings``: token embeddings
        without positions, as ``embed_tokens`` gives them, and where each prompt ends."""
        return self.text.encode_embeddings(embeddings, eot, unit_norm)

    def in_batches(
        self,
        images: Any,
        batch_size: int,
        work: Callable[[Tensor], Result],
        resize: str | None = None,
    ) -> list[Result]:
        """What `work` makes of preprocessed images (B, 3, S, S), batch by batch, in order.

        Within it the tower runs in the backbone's precision. When memory runs out the batch
        halves, which a warning says, and stays so for this backbone (see ``out_of_memory``).
        Raises ImageError, ValueError for a batch size below 1, TooLittleMemoryError where one image
        alone is too much, and what `work` raises.
        """
        check_batch_size(batch_size)
        sources = list_images(images)

        def one(batch: Sequence[Any]) -> Result:
            ready = [self.preprocess(image, resize) for image in batch]
            return work(torch.stack([p.to(self.device, self.pixel_dtype) for p in ready]))

        batches = HalvingBatches(one, min(batch_size, self.largest_batch))
        found = []
        bar = tqdm(total=len(sources), desc="images", leave=False, disable=len(sources) < LONG_WORK)
        with bar, self.image_precision(), self.threads():
            for batch, made in batches(sources):
                found.append(made)
                bar.update(len(batch))
                if batches.size < min(batch_size, self.largest_batch):
                    self.largest_batch = batches.size
        return found

    def _exchange_red_and_blue(
        self, pixels: Float[Tensor, "batch 3 size size"]
    ) -> Float[Tensor, "batch 3 size size"]:
        """Preprocessed images with the first and the last channel exchanged before the norm."""
        mean, std = (pixels.new_tensor(v).view(1, 3, 1, 1) for v in (self.mean, self.std))
        return ((pixels * std + mean).flip(1) - mean) / std

    def _check_blocks(self, *blocks: int) -> None:
        wrong = [number for number in blocks if not 1 <= number <= self.depth]
        if wrong:
            raise ValueError(
                f"expected block numbers in 1..{self.depth} (the first block is 1), found {wrong}."
            )
