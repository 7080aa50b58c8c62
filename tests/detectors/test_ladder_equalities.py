"""Steps of the ladder that must be equal, exactly; and each trap changes its one thing alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from promptad_tutorial.benchmark.test_selection import fit_with_test_selection
from promptad_tutorial.clip.attention import attention_residual
from promptad_tutorial.clip.image_tower import tokens_before_block
from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.detectors import CoOp, PromptAD, ZeroShot
from promptad_tutorial.detectors.detector import in_fixed_order
from promptad_tutorial.detectors.through_1024 import through_1024
from promptad_tutorial.learning import loop as training
from promptad_tutorial.learning.config import PromptADConfig, Traps, preset
from promptad_tutorial.prompts.words import GENERIC_STATES, PromptPair, own_states
from tests.detectors.conftest import (
    MAP,
    assert_same_scores,
    prompt_texts,
    quick,
    seeded,
    slow_sides,
    slow_training,
)

PLAIN = {"states": (), "n_anomaly_suffixes": 0, "use_memory": False}
WORDS = {"normal_start": "a photo of a flawless", "own_start": "a photo of a damaged"}


def assert_same_tokens(one: PromptAD, other: PromptAD) -> None:
    """Bit for bit; and they are not what the training started from."""
    assert one.tokens.keys() == other.tokens.keys()
    for name, tensor in one.tokens.items():
        assert torch.equal(tensor, other.tokens[name]), name
    start = one.learners(seeded())["image"].contexts
    assert (one.tokens["image.contexts"] - start).abs().max() > 1e-3


# --- the ladder -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["small", "tiny"])
def test_untrained_two_class_contexts_of_words_are_the_zero_shot_pair(
    small_backbone, shots, pictures, name
):
    backbone = small_backbone() if name == "small" else load_backbone("tiny", device="cpu")
    config = quick(n_normal_tokens=5, n_normal_prompts=1, steps=0, **WORDS)
    learnt = CoOp(backbone, "nut", config, "two-class").fit(shots)
    pair = PromptPair(["a photo of a flawless nut."], ["a photo of a damaged nut."])
    assert_same_scores(
        learnt.score(pictures), ZeroShot(backbone, "nut", pair, MAP).score(pictures), 1e-5
    )
    trained = CoOp(backbone, "nut", replace(config, steps=2), "two-class").fit(shots)
    found = trained.score(pictures).anomaly_maps - learnt.score(pictures).anomaly_maps
    assert np.abs(found).max() > 1e-3


def test_without_negatives_promptad_is_pull_only_coop(small_backbone, shots, pictures):
    config = quick(**PLAIN, margin_weight=0, alignment_weight=0)
    ours = PromptAD(small_backbone(), "nut", config).fit(shots)
    coop = CoOp(small_backbone(), "nut", quick(), "pull-only").fit(shots)
    assert_same_tokens(ours, coop)
    assert_same_scores(ours.score(pictures), coop.score(pictures), atol=0)


@pytest.mark.parametrize("build", ["small-plain", "small-layer-scale"])
@pytest.mark.parametrize(
    "weights", [(0, 0), (0.7, 0), (0, 0.5), (0.7, 0.5)], ids=["SC", "EAM", "alignment", "all"]
)
def test_training_is_the_loop_written_out(small_backbone, shots, weights, build):
    # the loop leaves a term out where its weight is 0: semantic concatenation is contrastive alone
    config = quick(margin_weight=weights[0], alignment_weight=weights[1])
    detector = PromptAD(small_backbone(build), "nut", config).fit(shots)
    start = detector.learners(seeded())
    for level, tokens in slow_training(detector, shots).items():
        for name, tensor in tokens.items():
            found = detector.tokens[f"{level}.{name}"]
            torch.testing.assert_close(found, tensor, atol=2e-6, rtol=0)
            assert (found - getattr(start[level], name)).abs().max() > 1e-3


@pytest.mark.parametrize("term", ["margin_weight", "alignment_weight"])
def test_a_weight_of_zero_is_a_run_without_the_term(small_backbone, shots, monkeypatch, term):
    with_term = PromptAD(small_backbone(), "nut", quick()).fit(shots)
    config = quick(**{term: 0})
    without = PromptAD(small_backbone(), "nut", config).fit(shots)
    assert not torch.equal(with_term.tokens["image.contexts"], without.tokens["image.contexts"])
    name = {"margin_weight": "explicit_anomaly_margin", "alignment_weight": "alignment"}[term]
    monkeypatch.setattr(training.losses, name, lambda *_: torch.tensor(float("nan")))
    assert_same_tokens(PromptAD(small_backbone(), "nut", config).fit(shots), without)


def test_the_text_branch_alone_has_the_text_scores_of_the_whole(small_backbone, shots, pictures):
    backbone = small_backbone()
    full = PromptAD(backbone, "nut", quick()).fit(shots, seeded(4))
    text = PromptAD(backbone, "nut", quick(use_memory=False)).fit(shots, seeded(4))
    for one in (text, full.without_memory()):
        for name, tensor in full.tokens.items():
            assert torch.equal(tensor, one.tokens[name]), name
        found = one.score(pictures)
        z = backbone.encode_images(pictures).cls
        np.testing.assert_allclose(found.image_scores, full.side_score(z, "image"), atol=1e-6)
        assert_same_scores(found, text.score(pictures))
    # both branches must speak: the memory can only take from a score
    whole = full.score(pictures).image_scores
    assert (whole < text.score(pictures).image_scores).all()


def test_a_learnt_suffix_of_no_tokens_is_the_normal_prompt(small_backbone, shots):
    config = quick(states=(), n_anomaly_suffixes=1, n_anomaly_tokens=0)
    detector = PromptAD(small_backbone(), "nut", config).fit(shots)
    for level, learner in detector.learners(seeded()).items():
        features = learner()
        assert torch.equal(features.learnt, features.normal)
        sides = detector.normal_prototypes[level], detector.anomaly_prototypes[level]
        assert torch.equal(*sides)  # nothing tells them apart, whatever is learnt
    np.testing.assert_allclose(detector.without_memory().score(shots).image_scores, 0.5)


def test_own_contexts_are_not_shared_ones_with_a_suffix(small_backbone, shots, pictures):
    config = quick(
        n_normal_prompts=1,
        n_anomaly_suffixes=1,
        **{k: 0 for k in ("margin_weight", "alignment_weight")},
        states=(),
        use_memory=False,
    )
    shared = PromptAD(small_backbone(), "nut", config).fit(shots)
    own = CoOp(small_backbone(), "nut", config, "two-class").fit(shots)
    assert shared.tokens["image.contexts"].shape[0] == 1  # one context for both sides
    assert own.tokens["image.contexts"].shape[0] == 2  # one for each
    assert shared.structure("image").anomalous != own.structure("image").anomalous
    one, other = shared.score(pictures), own.score(pictures)
    assert np.abs(one.image_scores - other.image_scores).max() > 1e-3
    assert np.abs(one.anomaly_maps - other.anomaly_maps).max() > 1e-2


# --- the traps ------------------------------------------------------------------------------------

CHANGES = {
    "suffix_before_name": {"texts"},
    "log_temperature": {"temperature", "contrastive"},
    "margin_over_patches": {"pixel margin"},
    "test_images_bgr": {"test images"},
    "test_selected": set(),  # asks for test images: see below
    "unsorted_shots": set(),  # a matter of who draws the shots
    "memory_in_place": {"memory"},
    "modulo_pairs": {"texts"},
    "resize_through_1024": {
        *("shots", "shots' patches", "test images", "memory"),
        *("contrastive", "image margin", "pixel margin"),  # what is learnt from the shots
    },
    "own_states": {"texts"},
    "renamed_classes": {"texts"},
}


def observables(backbone, shots, pictures, **switches) -> dict[str, np.ndarray]:
    """What a trap could change, of a detector with these switches."""
    config = quick(n_anomaly_suffixes=4, traps=Traps(**switches))
    detector = PromptAD(backbone, "pcb4", config)
    seen, test = detector.encode(shots), detector.encode(pictures, test=True)
    features = PromptAD(backbone, "nut", quick()).learners(seeded())["image"]()
    terms = [
        training.objective(features, z, config, detector.temperature)
        for z in (seen.cls, seen.patches)
    ]
    return {
        "texts": np.array(prompt_texts(detector, "image") + prompt_texts(detector, "pixel")),
        "temperature": np.array(detector.temperature),
        "contrastive": np.array([float(one["contrastive"].detach()) for one in terms]),
        "image margin": np.array(float(terms[0]["margin"].detach())),
        "pixel margin": np.array(float(terms[1]["margin"].detach())),
        "alignment": np.array([float(one["alignment"].detach()) for one in terms]),
        "shots": seen.cls.numpy(),
        "shots' patches": seen.patches.numpy(),
        "test images": test.cls.numpy(),
        "memory": seen.blocks.numpy(),
    }


@pytest.mark.parametrize("trap", CHANGES)
def test_a_trap_changes_its_one_thing(small_backbone, shots, pictures, trap):
    clean = observables(small_backbone(), shots, pictures)
    trapped = observables(small_backbone(), shots, pictures, **{trap: True})
    changed = {name for name, value in clean.items() if not np.array_equal(value, trapped[name])}
    assert changed == CHANGES[trap]


def test_every_trap_was_tried():
    assert set(CHANGES) == set(Traps.names())
    assert preset("released") == replace(preset("paper"), traps=Traps.all())


def test_the_traps_change_it_as_the_released_code_does(small_backbone, shots, pictures):
    backbone = small_backbone()

    def trapped(trap: str) -> PromptAD:
        config = quick(n_anomaly_suffixes=4, traps=Traps(**{trap: True}))
        return PromptAD(backbone, "nut", config)

    assert prompt_texts(trapped("suffix_before_name"), "pixel")[-1] == "[P1] [A4] nut."
    pairs = trapped("modulo_pairs").structure("image").learnt
    assert {(p.context, p.suffix) for p in pairs} == {(0, 0), (1, 1), (0, 2), (1, 3)}
    assert trapped("log_temperature").temperature == pytest.approx(np.log(backbone.temperature))
    # its own defects after the generic states, looked up before the class is renamed; what is
    # listed twice is a prompt twice, and weighs double in w_a
    own = PromptAD(backbone, "pcb4", PromptADConfig(traps=Traps(own_states=True)))
    manual = [prompt.before for prompt in own.structure("pixel").manual]
    assert manual == [s.format("pcb4") for s in (*GENERIC_STATES, *own_states("pcb4"))]
    assert manual.count("pcb4 with damage") == 2
    both = Traps(own_states=True, renamed_classes=True)
    renamed = PromptAD(backbone, "pcb4", PromptADConfig(traps=both)).structure("pixel")
    assert renamed.normal[0].before == "printed circuit board"
    assert renamed.manual[-1].before == "printed circuit board with dirt"
    assert len(renamed.manual) == len(manual) == 15
    # to 1024 x 1024 without anti-aliasing: of four columns the middle two are read, and no others
    stripes = np.zeros((4, 4096, 3), dtype=np.uint8)
    stripes[:, 1::4] = stripes[:, 2::4] = 200
    assert (np.asarray(through_1024(stripes)) == 200).all()
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(64, 0).repeat(3, 2)
    where = np.clip((np.arange(1024) + 0.5) * 256 / 1024 - 0.5, 0, 255)  # read between pixels
    np.testing.assert_allclose(np.asarray(through_1024(ramp))[5, :, 0], where, atol=0.51)
    # red and blue exchanged in what is scored, and only there
    exchanged = backbone.encode_images([picture[..., ::-1] for picture in pictures])
    found = trapped("test_images_bgr").encode(pictures, test=True)
    torch.testing.assert_close(found.patches, exchanged.patches, atol=1e-5, rtol=0)
    # the attention of the next block, added to what was kept
    pixels = torch.stack([backbone.preprocess(one) for one in shots])
    visual = backbone.model.visual
    for kept, block in zip(
        trapped("memory_in_place").encode(shots).blocks, backbone.memory_blocks, strict=True
    ):
        tokens = tokens_before_block(visual, pixels, block + 1)
        tokens += attention_residual(visual.transformer.resblocks[block], tokens, "q-k")
        expected = tokens[:, 1:] / tokens[:, 1:].norm(dim=-1, keepdim=True)
        torch.testing.assert_close(kept, expected, atol=1e-5, rtol=0)


def test_the_released_preset_runs_from_end_to_end(small_backbone, shots, pictures):
    config = replace(preset("released"), steps=2, map_size=MAP)
    detector = PromptAD(small_backbone(), "nut", config)
    features = in_fixed_order(detector.encode(shots)), detector.encode(pictures, test=True)
    fit_with_test_selection(detector, *features, np.array([0, 1, 0, 1]))
    found = detector.score(pictures)
    assert len(found) == 4 and ((found.image_scores > 0) & (found.image_scores < 1)).all()
    paper = PromptAD(small_backbone(), "nut", replace(config, traps=Traps())).fit(shots)
    assert np.abs(found.anomaly_maps - paper.score(pictures).anomaly_maps).max() > 1e-3


def after_each_step(detector, shots, images) -> list[tuple[dict, np.ndarray]]:
    """Tokens and image scores after 1, 2, .. steps of a training that is written out."""
    found = []
    for done in range(1, detector.config.steps + 1):
        state = (
            PromptAD(detector.backbone, "nut", detector.config)
            .fit_features(in_fixed_order(detector.encode(shots)))
            .state()
        )  # for the memory alone: all else is replaced
        for level, tokens in slow_training(detector, shots, until=done).items():
            learner = detector.learners(seeded())[level]
            learner.load_state_dict(tokens)
            with torch.no_grad():
                sides = (side.float() for side in slow_sides(learner))
                state[f"{level}.normal"], state[f"{level}.anomaly"] = sides
            state |= {f"{level}.{name}": tensor for name, tensor in tokens.items()}
        judge = PromptAD(detector.backbone, "nut", detector.config)
        judge.restore(state)
        found.append((state, judge.score(images)))
    return found


@pytest.mark.parametrize("use_memory", [True, False], ids=["memory", "text alone"])
def test_test_selection_keeps_the_best_step_of_each_level_by_its_own_figure(
    small_backbone, shots, use_memory
):
    images = list(np.random.default_rng(8).integers(0, 256, (12, 40, 40, 3), dtype=np.uint8))
    config = quick(steps=4, use_memory=use_memory, traps=Traps(test_selected=True))
    detector = PromptAD(small_backbone(), "nut", config)
    states, scores = zip(*after_each_step(detector, shots, images), strict=True)
    # call those anomalous whose rank falls during training: then the last step is not the best
    first, last = (scores[i].image_scores.argsort().argsort() for i in (0, 3))
    labels = (first - last > np.median(first - last)).astype(int)
    by_image = [roc_auc_score(labels, one.image_scores) for one in scores]
    # and those pixels that rise: there it is another step than at image level
    start, end = (scores[i].anomaly_maps.argsort(axis=None).argsort() for i in (0, 3))
    masks = (end - start > np.quantile(end - start, 0.8)).reshape(scores[0].anomaly_maps.shape)
    by_pixel = [roc_auc_score(masks.ravel(), one.anomaly_maps.ravel()) for one in scores]
    best = {"image": int(np.argmax(by_image)), "pixel": int(np.argmax(by_pixel))}
    assert best["image"] < best["pixel"]  # two choices
    features = in_fixed_order(detector.encode(shots)), detector.encode(images, test=True)
    fit_with_test_selection(detector, *features, labels, masks)
    assert detector.history.steps == 4
    found = detector.score(images)
    assert roc_auc_score(labels, found.image_scores) == max(by_image)
    assert roc_auc_score(masks.ravel(), found.anomaly_maps.ravel()) == max(by_pixel)
    for name, tensor in detector.state().items():
        step = best.get(name.partition(".")[0], 0)  # the memory is the same after every step
        torch.testing.assert_close(tensor, states[step][name], atol=1e-5, rtol=0)


def test_without_masks_the_pixel_level_keeps_its_last_step(small_backbone, shots, pictures):
    detector = PromptAD(small_backbone(), "nut", quick())
    last = PromptAD(small_backbone(), "nut", quick()).fit(shots)
    features = in_fixed_order(detector.encode(shots)), detector.encode(pictures, test=True)
    fit_with_test_selection(detector, *features, np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(
        detector.score(pictures).anomaly_maps, last.score(pictures).anomaly_maps, atol=1e-6
    )
