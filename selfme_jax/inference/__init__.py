"""From frames of a face to what happens in it."""
