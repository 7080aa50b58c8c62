"""A frozen open_clip model: images and prompts in, unit-norm features of one joint space out.

    backbone = load_backbone("tiny")                 # loading; or BackboneChoice, in words (choice)
    features = backbone.encode_images(paths)         # image_tower, attention
    texts = backbone.encode_text(["a photo of a nut."])    # text_tower

In: B images of any kind (paths, PIL images, arrays (H, W, 3), ready tensors (B, 3, S, S)), or
prompts as strings, or learnt token embeddings (B, T, text_width) and where each prompt ends.

Out, in float32 (float64 where asked for), each vector of length 1, on an H x W grid of patches:

    cls      (B, D)                     z, the image embedding
    patches  (B, H*W, D)                V-V patch embeddings, in the joint space of texts
    blocks   (n_blocks, B, H*W, width)  patch tokens after some blocks, for a memory
    windows  (B, windows, D)            of k x k patches, for WinCLIP
    texts    (B, D)

CLIP never learns here. Nothing in this room knows data sets, or what prompts mean.
"""
