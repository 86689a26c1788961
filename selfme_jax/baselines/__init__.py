"""Systems SelfME is compared with: one architecture or descriptor a file."""
