"""Pure array operations: arrays in, arrays out, no Flax, no config."""
