"""Image features against open_clip itself and against written-out paths; the shipped model."""

from __future__ import annotations

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.clip.loading import (
    UnknownWordWarning,
    backbone_from_environment,
    load_backbone,
)
from promptad_tutorial.files.pictures import ImageError
from tests.clip.test_attention import slow_residual
from tests.conftest import BUILDS, PROMPTS, random_pixels


def block_outputs(backbone: Backbone, pixels: torch.Tensor) -> list[torch.Tensor]:
    """What open_clip's own forward pass hands from block to block, batch first; [0] is input."""
    blocks = backbone.model.visual.transformer.resblocks
    found: list[torch.Tensor] = []

    def keep(x: torch.Tensor) -> None:
        first = blocks[0].attn.batch_first
        found.append((x if first else x.transpose(0, 1)).clone())

    hooks = [blocks[0].register_forward_pre_hook(lambda _, inputs: keep(inputs[0]))]
    hooks += [block.register_forward_hook(lambda _m, _i, output: keep(output)) for block in blocks]
    backbone.model.encode_image(pixels)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("name", [*BUILDS, "ViT-B-16-plus-240"])
def test_cls_and_text_equal_open_clip(small_backbone, request, name):
    big = name == "ViT-B-16-plus-240"
    backbone = request.getfixturevalue("plus_240") if big else small_backbone(name)
    pixels = random_pixels(backbone, 2)
    expected = F.normalize(backbone.model.encode_image(pixels), dim=-1)
    torch.testing.assert_close(backbone.encode_images(pixels).cls, expected, atol=1e-5, rtol=0)
    tokens = open_clip.get_tokenizer(name)(PROMPTS)
    expected = F.normalize(backbone.model.encode_text(tokens), dim=-1)
    torch.testing.assert_close(backbone.encode_text(PROMPTS), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("first_block", [1, 4])
@pytest.mark.parametrize(
    "name", ["small-plain", "small-quickgelu", "small-layer-scale", "small-uneven-patches"]
)
def test_v_v_path_is_the_written_out_one(small_backbone, name, first_block):
    backbone = small_backbone(name)
    pixels = random_pixels(backbone)
    visual = backbone.model.visual
    outputs = block_outputs(backbone, pixels)
    second = outputs[first_block - 1].double().numpy()
    for block, tokens in zip(
        visual.transformer.resblocks[first_block - 1 :], outputs[first_block - 1 :], strict=False
    ):
        residual = slow_residual(block, tokens, "v-v")
        scale = getattr(block.ls_1, "gamma", torch.ones(())).double().numpy()
        second = second + scale * residual
    patches = visual.ln_post(torch.from_numpy(second[:, 1:]).float()) @ visual.proj
    expected = F.normalize(patches, dim=-1)
    found = backbone.encode_images(pixels, first_block=first_block).patches
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    plain = backbone.encode_images(pixels, attention="plain").patches
    assert not torch.allclose(found, plain, atol=1e-2)


def test_plain_patches_are_the_untouched_path(small_backbone):
    backbone = small_backbone()
    pixels = random_pixels(backbone)
    last = block_outputs(backbone, pixels)[-1]
    visual = backbone.model.visual
    expected = F.normalize(visual.ln_post(last[:, 1:]) @ visual.proj, dim=-1)
    found = backbone.encode_images(pixels, attention="plain")
    torch.testing.assert_close(found.patches, expected, atol=1e-5, rtol=0)
    # The other two kinds of features do not depend on the second path: not at all on its kind, and
    # to rounding on whether there is one (without it, open_clip's own block is run).
    v_v = backbone.encode_images(pixels)
    q_q = backbone.encode_images(pixels, attention="q-q")
    for name in ("cls", "blocks"):
        assert torch.equal(getattr(v_v, name), getattr(q_q, name))
        torch.testing.assert_close(getattr(found, name), getattr(v_v, name), atol=1e-6, rtol=0)
    assert not torch.allclose(v_v.patches, q_q.patches, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "expected"), [("small-plain", (2, 4)), ("small-12-blocks", (3, 8))]
)
def test_memory_blocks_are_exact_block_outputs(small_backbone, name, expected):
    backbone = small_backbone(name)
    assert backbone.memory_blocks == expected
    pixels = random_pixels(backbone)
    outputs = block_outputs(backbone, pixels)
    for chosen in (None, [1], [4, 2], ()):
        found = backbone.encode_images(pixels, blocks=chosen).blocks
        numbers = expected if chosen is None else chosen
        assert found.shape == (len(numbers), 3, 16, 64)
        for tokens, number in zip(found, numbers, strict=True):
            wanted = F.normalize(outputs[number][:, 1:], dim=-1)
            torch.testing.assert_close(tokens, wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["small-plain", "small-layer-scale"])
def test_trap_7_adds_the_attention_of_the_next_block_to_the_memory(small_backbone, name):
    backbone = small_backbone(name)
    pixels = random_pixels(backbone)
    outputs = block_outputs(backbone, pixels)
    blocks = backbone.model.visual.transformer.resblocks
    clean = backbone.encode_images(pixels, blocks=[2, 4, 6])
    trap = backbone.encode_images(pixels, blocks=[2, 4, 6], blocks_in_place=True)
    for tokens, number in zip(trap.blocks, (2, 4), strict=False):
        scale = getattr(blocks[number].ls_1, "gamma", torch.ones(())).double().numpy()
        added = scale * slow_residual(blocks[number], outputs[number], "q-k")
        after = outputs[number].double() + torch.from_numpy(added)
        wanted = F.normalize(after[:, 1:], dim=-1).float()
        torch.testing.assert_close(tokens, wanted, atol=1e-5, rtol=0)
    assert (trap.blocks[:2] - clean.blocks[:2]).norm(dim=-1).min() > 1e-2
    assert torch.equal(trap.blocks[2], clean.blocks[2])  # nothing comes after the last block
    assert torch.equal(trap.cls, clean.cls) and torch.equal(trap.patches, clean.patches)


def test_trap_4_sees_the_picture_with_red_and_blue_exchanged(small_backbone):
    backbone = small_backbone()
    array = np.random.default_rng(1).integers(0, 256, (50, 40, 3), dtype=np.uint8)
    red, green, blue = Image.fromarray(array).split()
    exchanged = Image.merge("RGB", (blue, green, red))
    for image in (array, backbone.preprocess(array)):  # ready tensors too
        found = backbone.encode_images(image, bgr=True)
        wanted = backbone.encode_images(exchanged)
        for name in ("cls", "patches", "blocks"):
            torch.testing.assert_close(
                getattr(found, name), getattr(wanted, name), atol=1e-5, rtol=0
            )
        assert (found.cls - backbone.encode_images(image).cls).abs().max() > 1e-3


def test_shapes_norms_and_no_graph(small_backbone):
    backbone = small_backbone("small-uneven-patches")
    assert (backbone.image_size, backbone.grid) == (36, (4, 4))
    features = backbone.encode_images(random_pixels(backbone))
    assert features.cls.shape == (3, 32)
    assert features.patches.shape == (3, 16, 32)
    for tensor in (features.cls, features.patches, features.blocks):
        assert tensor.dtype == torch.float32
        assert not tensor.requires_grad and not tensor.is_inference()
        torch.testing.assert_close(tensor.norm(dim=-1), torch.ones(tensor.shape[:-1]))
    assert not any(weight.requires_grad for weight in backbone.model.parameters())
    assert not any(module.training for module in backbone.model.modules())


def test_patches_are_in_row_major_order(small_backbone):
    """Only the patch under a bright square changes much in the tokens of the first block."""
    backbone = small_backbone()
    pixels = torch.zeros(2, 3, 32, 32)
    pixels[1, :, 8:16, 24:32] = 5  # row 1, column 3 of 4 x 4
    tokens = backbone.encode_images(pixels, blocks=[1]).blocks[0]
    change = (tokens[1] - tokens[0]).norm(dim=-1)
    assert int(change.argmax()) == 1 * 4 + 3


def test_batch_size_changes_nothing(small_backbone):
    backbone = small_backbone()
    pixels = random_pixels(backbone, 5)
    whole = backbone.encode_images(pixels)
    for size in (1, 2, 5, 64):
        parts = backbone.encode_images(pixels, batch_size=size)
        for name in ("cls", "patches", "blocks"):
            torch.testing.assert_close(
                getattr(parts, name), getattr(whole, name), atol=1e-6, rtol=0
            )
    again = backbone.encode_images(pixels)
    assert torch.equal(again.patches, whole.patches)
    one = torch.cat([backbone.encode_text([p], batch_size=1) for p in PROMPTS])
    torch.testing.assert_close(backbone.encode_text(PROMPTS, 2), one, atol=1e-6, rtol=0)


def test_all_forms_of_an_image_agree(small_backbone, tmp_path):
    backbone = small_backbone()
    array = np.random.default_rng(1).integers(0, 256, (50, 40, 3), dtype=np.uint8)
    image, path = Image.fromarray(array), tmp_path / "image.png"
    image.save(path)
    transform = open_clip.image_transform(
        32, is_train=False, mean=backbone.mean, std=backbone.std, resize_mode="squash"
    )
    expected = F.normalize(backbone.model.encode_image(transform(image)[None]), dim=-1)
    ready = backbone.preprocess(array)
    forms = [path, str(path), image, array, ready]
    forms += [[form] for form in forms] + [array[None], ready[None]]
    for form in forms:
        found = backbone.encode_images(form).cls
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    mixed = backbone.encode_images([path, ready, array], batch_size=2).cls
    torch.testing.assert_close(mixed, expected.expand(3, -1), atol=1e-5, rtol=0)
    grey = array[:, :, 0]
    torch.testing.assert_close(
        backbone.encode_images(grey).cls, backbone.encode_images(np.dstack([grey] * 3)).cls
    )
    cropped = backbone.encode_images(array, resize="crop").cls
    assert not torch.allclose(cropped, expected, atol=1e-4)


def test_features_select_and_concatenate(small_backbone):
    backbone = small_backbone()
    features = backbone.encode_images(random_pixels(backbone))
    both = ImageFeatures.concatenate([features[:1], features[[1, 2]]])
    for name in ("cls", "patches", "blocks"):
        assert torch.equal(getattr(both, name), getattr(features, name))
    assert len(features[torch.tensor([True, False, True])]) == 2
    assert torch.equal(features[2].blocks, features.blocks[:, 2:])
    with pytest.raises(ValueError, match="none"):
        ImageFeatures.concatenate([])


def test_attention_weights_belong_to_the_block(small_backbone):
    backbone = small_backbone()
    pixels = random_pixels(backbone)
    tokens = block_outputs(backbone, pixels)[2]
    block = backbone.model.visual.transformer.resblocks[2]
    normed = block.ln_1(tokens)
    if not block.attn.batch_first:
        normed = normed.transpose(0, 1)
    expected = block.attn(normed, normed, normed, need_weights=True)[1]  # torch's own mean
    found = backbone.attention_weights(pixels, block=3, kind="q-k", batch_size=2)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert not torch.allclose(backbone.attention_weights(pixels, 3), found, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_is_close_and_keeps_the_temperature(small_configs, dtype):
    full = load_backbone("small-plain", pretrained="random", device="cpu")
    low = load_backbone("small-plain", pretrained="random", device="cpu", dtype=dtype)
    pixels = random_pixels(full)
    assert low.model.visual.conv1.weight.dtype == dtype
    assert low.label == f"{full.label}, {str(dtype).removeprefix('torch.')}"
    for kept in (low.model.visual.ln_pre.weight, low.model.token_embedding.weight):
        assert kept.dtype == torch.float32  # norms, and the whole text tower
    for attention in ("v-v", "plain"):
        a = full.encode_images(pixels, attention=attention)
        b = low.encode_images(pixels, attention=attention)
        assert b.cls.dtype == torch.float32
        for name in ("cls", "patches", "blocks"):
            cosine = (getattr(a, name) * getattr(b, name)).sum(-1)
            assert cosine.min() > 0.999
    assert (full.encode_text(PROMPTS) * low.encode_text(PROMPTS)).sum(-1).min() > 0.999
    assert low.temperature == full.temperature
    assert low.checksum == full.checksum


def test_towers_in_double_precision_give_features_in_double_precision(small_configs):
    single = load_backbone("small-plain", pretrained="random", device="cpu")
    double = load_backbone("small-plain", pretrained="random", device="cpu", dtype=torch.float64)
    pixels = random_pixels(single)
    a, b = single.encode_images(pixels), double.encode_images(pixels)
    for name in ("cls", "patches", "blocks"):
        found = getattr(b, name)
        assert found.dtype == torch.float64
        torch.testing.assert_close(found.norm(dim=-1), torch.ones(found.shape[:-1]).double())
        torch.testing.assert_close(found.float(), getattr(a, name), atol=1e-5, rtol=0)
    assert double.encode_images(pixels, blocks=()).blocks.dtype == torch.float64
    words = double.encode_text(PROMPTS)
    assert words.dtype == torch.float64
    torch.testing.assert_close(words.float(), single.encode_text(PROMPTS), atol=1e-5, rtol=0)
    assert double.checksum == single.checksum


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_cuda_agrees_with_the_cpu(small_configs, dtype):
    cpu = load_backbone("small-plain", pretrained="random", device="cpu")
    gpu = load_backbone("small-plain", pretrained="random", device="cuda", dtype=dtype)
    pixels = random_pixels(cpu)
    a, b = cpu.encode_images(pixels), gpu.encode_images(pixels)
    for name in ("cls", "patches", "blocks"):
        assert (getattr(a, name) * getattr(b, name).cpu()).sum(-1).min() > 0.999
    assert (cpu.encode_text(PROMPTS) * gpu.encode_text(PROMPTS).cpu()).sum(-1).min() > 0.999
    assert gpu.checksum == cpu.checksum
    learnt = gpu.embed_tokens(gpu.tokenize(PROMPTS)).float().requires_grad_()
    gpu.encode_prompt_embeddings(learnt, gpu.eot_positions(gpu.tokenize(PROMPTS))).sum().backward()
    assert learnt.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"blocks": [0]},
        {"blocks": [7]},
        {"first_block": 0},
        {"attention": "k-v"},
        {"batch_size": 0},
        {"resize": "pad"},
    ],
)
def test_wrong_settings_are_named(small_backbone, wrong):
    image = np.zeros((8, 8), np.uint8)
    with pytest.raises(ValueError, match=r"expected|must be"):
        small_backbone().encode_images(image, **wrong)


def test_wrong_images_are_image_errors(small_backbone, tmp_path):
    backbone = small_backbone()
    for wrong in ([], tmp_path / "missing.png", tmp_path, torch.zeros(1, 3, 8, 8), 5):
        with pytest.raises(ImageError, match=r"expected|not found"):
            backbone.encode_images(wrong)


@pytest.fixture(scope="module")
def tiny() -> Backbone:
    return load_backbone(device="cpu")


def test_tiny_is_the_default(tiny, monkeypatch):
    from promptad_tutorial.clip import tinyclip

    monkeypatch.delenv("PROMPTAD_BACKBONE", raising=False)
    assert tiny.name == "tiny" and tinyclip.MODEL_NAME in tiny.label
    assert tiny.checksum == tinyclip.checksum()
    assert backbone_from_environment().checksum == tiny.checksum
    model, mean, std = tinyclip.load_tiny()
    assert (tiny.mean, tiny.std) == (tuple(mean), tuple(std))
    pixels = random_pixels(tiny)
    expected = F.normalize(model.encode_image(pixels), dim=-1)
    torch.testing.assert_close(tiny.encode_images(pixels).cls, expected, atol=1e-5, rtol=0)
    with pytest.warns(UnknownWordWarning, match="xylophone"):
        tiny.encode_text(["a photo of a xylophone"])
