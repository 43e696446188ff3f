"""Datasets of one's own: folders of images that become tasks by a row of params.yaml."""
