"""A frozen open_clip model: images and prompts in, unit-norm features of one space out."""
