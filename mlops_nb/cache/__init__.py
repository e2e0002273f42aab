"""The cell cache and checkpoints: what a cell made is kept, and given back instead of being made again."""
