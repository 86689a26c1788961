"""Methods: what turns training samples into logits for held-out ones."""
