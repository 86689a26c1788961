"""Stage one: motion learned without labels by reconstructing the apex frame."""
