"""Who is held out, what a score is, and what it must be held against.

- ``folds``: leave-one-subject-out and splits by subject within a training side.
- ``metrics``: UF1, UAR, confusion; the rule for absent classes.
- ``predictions``: predictions.csv, from which everything else is recomputed.
- ``loso``: pooled predictions -> scores of results.json.
- ``bootstrap``: intervals by resampling subjects.
- ``floors``: majority, random and linear on the same folds.

numpy only (scikit-learn in the linear floor), no models, no training.
"""
