"""Who is held out, what a score is, and what it must be held against.

- ``folds``: leave-one-subject-out, or one dataset at a time.
- ``metrics``: UF1, UAR, confusion; the rule for absent classes.
- ``predictions``: predictions.csv, from which everything else is recomputed.
- ``loso``: pooled predictions -> scores of results.json.
- ``bootstrap``: intervals by resampling subjects.
- ``units``: the same for several action units at once: F1 and AUC of each.
- ``floors``: majority, random and linear on the same folds. ``unit_floors``: constant,
  prevalence and linear.

numpy only (scikit-learn in the linear floors), no models, no training.
"""
