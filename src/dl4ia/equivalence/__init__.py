"""Does the code of two revisions compute the same, to the bit? `make same REV=...` asks, and records the answer.

`recipes` are short trainings of all that params.yaml uses, `trainings` does them with the code of one revision (in a
process of its own: `python -m dl4ia.equivalence`), and `comparison` compares two revisions and records agreement.
"""
