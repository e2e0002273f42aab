"""Is it still true: how data today differs from the data a model was made of."""
