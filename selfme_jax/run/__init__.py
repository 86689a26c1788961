"""What the entry points do: from a config to a plan, from a plan to results."""
