"""What is predicted of a clip: one of several classes, or several action units."""
