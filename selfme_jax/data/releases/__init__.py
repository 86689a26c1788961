"""Official datasets: what each release holds, and the way from it to clips.

A release is one declarative record in a file of its own (``record.Release``), named in
``registry``. Reading goes sheet -> ``listing`` -> ``layout`` -> ``inspection`` ->
``records`` -> ``prepared``; ``imitation`` writes a release that is like it.
"""
