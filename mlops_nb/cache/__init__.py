"""The cell cache: what a cell made is kept, and put back instead of being made again."""
