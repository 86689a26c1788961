"""Videos and folders of frames: found, read, and prepared as face crops."""
