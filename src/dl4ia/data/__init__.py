"""From published files to arrays, and from arrays to what a network is trained on."""
