"""Deep learning for image analysis, rebuilt: train, track, compare and improve the report's experiments."""
