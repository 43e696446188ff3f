"""How good a guess is, and how sure one can be of it."""
