"""The numbers of the SelfME paper (CVPR 2023), UF1 and UAR under LOSO.

Those of its comparison of systems stand with the systems (``System.rows``).

As printed. STSTNet's "UAR" is its authors' macro precision (the true one is 0.8190 on
CASME II and 0.6703 on SMIC-HS), which may hold for other rows they re-ran; LBP-TOP's
pair on SMIC-HS cannot be, no predictions give it; CapsuleNet's epoch was the best one
on the test subject.
"""

Scores = dict[str, tuple[float, float]]

MOTION: dict[str, Scores] = {
    "TV-L1 + ViT": {"casme2": (0.8060, 0.8016)},
    "TV-L1 + SCViT": {"casme2": (0.8460, 0.8305)},
    "TCAE + FC": {"casme2": (0.4836, 0.5491)},
    "TCAE's motion + ViT": {"casme2": (0.5681, 0.5752)},
    "TCAE's motion + SCViT": {"casme2": (0.6158, 0.5926)},
    "SelfME's motion + ViT": {"casme2": (0.8784, 0.8960)},
    "SelfME's motion + SCViT": {"casme2": (0.9078, 0.9290)},
}
# (B-spline, symmetric contrastive, motion amplification) -> scores.
ABLATION: dict[tuple[bool, bool, bool], Scores] = {
    (False, False, False): {"casme2": (0.8468, 0.8849)},
    (True, False, False): {"casme2": (0.8629, 0.8903)},
    (False, True, False): {"casme2": (0.8903, 0.9028)},
    (False, False, True): {"casme2": (0.8718, 0.8851)},
    (True, True, False): {"casme2": (0.8923, 0.8984)},
    (False, True, True): {"casme2": (0.8951, 0.9109)},
    (True, False, True): {"casme2": (0.8784, 0.8960)},
    (True, True, True): {"casme2": (0.9078, 0.9290)},
}
GAMMA: dict[float, Scores] = {
    1.0: {"smic": (0.6768, 0.6798)},
    2.0: {"smic": (0.6972, 0.7012)},
    3.0: {"smic": (0.6523, 0.6622)},
}
# The curves over omega and tau are printed without numbers; their best points.
BEST = {"omega": 0.11, "tau": 0.07, "gamma": 2.0}
