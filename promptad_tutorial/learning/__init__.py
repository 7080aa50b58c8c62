"""Learning prompts: the settings, the losses, one loop."""
