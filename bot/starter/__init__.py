"""The files that `membrane init` writes besides the shipped policy and manifest."""
