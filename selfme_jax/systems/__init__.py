"""Systems by name: architecture, traits, loss and recipe, one record a file."""
