"""How TinyCLIP's weights are made: pictures, captions, the objective, the run, the card."""
