"""Tables, figures and the HTML page of a run.

- ``run``: everything of a workdir from its predictions.csv and floors.csv.
- ``verdict``: what a score means beside its floors and protocol, in words.
- ``tables``: the same for the terminal.
- ``plots``, ``motion``: figures. ``html``: one self-contained page.
"""
