"""Where work runs and how it ends: the executor protocol, local processes, signals, process identity."""
