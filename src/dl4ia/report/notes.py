"""What there is to know about the reproduced report: its exercises, and oddities that some settings reproduce."""

from dl4ia.analysis.reproduction import RELATIVE_TOLERANCE, SHARE_TOLERANCE

_EXERCISES = {
    "1.1": "a fully connected network",
    "1.2": "a convolutional network",
    "1.3": "max pooling before ReLU",
    "1.4": "Adam",
    "1.5": "variations of the classifier",
    "2.1": "segmentation of glands",
    "2.2": "variations of the segmenter",
    "2.3": "skip connections",
    "2.4": "residual blocks, and what was searched",
}
_SETTINGS = {
    "network.relu_on_logits": (
        "As listed in the report, a ReLU follows the last convolution. Where it makes all logits zero no gradient "
        "comes back: the loss stays at that of equal probabilities."
    ),
    "network.log_softmax": (
        "As listed in the report, the network ends in a log-softmax, before a loss that applies one itself. Applied "
        "twice it gives the same values as once."
    ),
    "network.pool_first": (
        "ReLU and hardtanh never decrease: a max pool before or after them gives the same values and gradients, to the "
        "bit. The cheaper order is computed for both, and variants that differ in this alone have the same runs."
    ),
    "network.activation": (
        "The report speaks of tanh and lists hardtanh, which clips to [-1, 1]; the listing is followed."
    ),
}

# What the terms of the report mean, in bold where they begin.
TERMS = (
    (
        "**Trained**: the network left chance level, the loss of equal probabilities (ln of the number of classes), on "
        "its training images. A run that did not predicts the same everywhere, or nearly so; its score, which may jump "
        'between that of "none" and that of "all", means nothing and is in no mean. A run whose loss became infinite '
        "has diverged, and did not train."
    ),
    (
        "**Best**: by the mean validation score, among variants with the same training and validation images of which"
        " at least half of the runs trained, ensembles apart. Test sets decide nothing."
    ),
    (
        "**Reproduced**: a reported value, which is of one run, is near the mean over runs here (a score within "
        f"{SHARE_TOLERANCE}, a loss within {100 * RELATIVE_TOLERANCE:.0f} %) and, where at least five runs trained, "
        "in the 95 % prediction interval for one more."
    ),
    (
        "**Intervals** of accuracy and Dice, also at edges, on a test set, and of their differences, allow for other "
        "seeds and for other test images, those of one patient together: Student's t, with the variance between the "
        "means of runs plus that between patients (two-way clustering; the jackknife over patients), and "
        "Satterthwaite's degrees of freedom. Other intervals, as of losses, of scores pooled over all pixels and of "
        "validation scores, are of the mean over seeds alone."
    ),
    (
        "**p** is of the difference being 0, by the same statistic as its interval, corrected by Holm's method: the "
        "probability that any pair of one table and test set is called better by chance alone is at most 5 %. The "
        "usual tests of two given networks (Wilcoxon's over images, McNemar's) are in `results/comparisons.csv`; they "
        "tell two runs of the same variant apart, and decide nothing here."
    ),
    (
        "**Over-fitted**: the validation loss rises while the training loss falls. **Unstable**: both rise, or the "
        "training loss where no images validate. **Not converged**: the loss still falls clearly at the end, or a run "
        "left chance level in the last third. **Annealed**: it falls together with the learning rate, which the "
        "schedule lowers to the end; that says nothing about a longer training. **Converged**: none of these. All are "
        "of the mean curve of the runs that trained, smoothed by a trailing moving average over a tenth of the "
        "training; where no run trained there is no verdict."
    ),
    (
        "**Loss**: cross-entropy, Equation 1 of the report, without penalty. Equation 2 adds λ times the sum of the "
        "squared weights; weight decay (AdamW) shrinks the weights beside the gradient, which is a different method."
    ),
    (
        '**Dice**: 2 TP / (2 TP + FP + FN) of the foreground class of each image, averaged over images; "pooled" is '
        "over the pixels of all images."
    ),
    (
        "**Training curves** are means over the batches since the last point, those of validation are of all "
        "validation images."
    ),
)


def exercise(number: str) -> str:
    """Return an exercise with its subject, where it is one of the report's; another name as it is."""
    if not number[:1].isdigit():  # of experiments of one's own
        return number
    subject = _EXERCISES.get(number)
    return f"Exercise {number}" + (f": {subject}" if subject else "")


def on_settings(keys: list[str]) -> list[str]:
    """Return a note on each setting that reproduces an oddity of the report."""
    return [_SETTINGS[key] for key in keys if key in _SETTINGS]
