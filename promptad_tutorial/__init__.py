"""PromptAD, taught and built from its parts: few-shot visual anomaly detection with CLIP."""
