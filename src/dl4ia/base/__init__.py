"""What every other package builds on: errors, atomic files, strict schemas, registries."""
