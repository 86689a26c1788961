"""Tables, figures and the HTML page of a run.

- ``run``: all figures and the page of a workdir.
- ``verdict``: what a score means beside its floors and protocol, in words.
- ``measures``: what classes and action units are scored by.
- ``tables``: the same for the terminal.
- ``plots``, ``mistakes``, ``motion``, ``contact_sheet``: figures.
- ``html``: one self-contained page.
- ``comparison``: tables of several runs; ``compare``: their differences.
"""
