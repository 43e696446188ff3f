"""What there is to know about the reproduced report: its exercises, and oddities that some settings reproduce."""

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


def exercise(number: str) -> str:
    """Return an exercise of the report with its subject, where it is one of the report's."""
    subject = _EXERCISES.get(number)
    return f"Exercise {number}" + (f": {subject}" if subject else "")


def on_settings(keys: list[str]) -> list[str]:
    """Return a note on each setting that reproduces an oddity of the report."""
    return [_SETTINGS[key] for key in keys if key in _SETTINGS]
