"""What a classifier reads of a clip: one kind a file, all that is asked of it there."""
