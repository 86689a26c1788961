"""From frames to an answer: networks, their arrays and what goes before them."""
