"""Learning prompts: the settings, the three losses, and one loop for all of them.

    prompt learners, and features of normal images: z (k, d), or V-V patches (k, H*W, d)
        ->  loop.train: learnt tokens in place, and the history of the losses

Nothing here knows images, files or scores; `config` also says what each switch of the released code
is.
"""
