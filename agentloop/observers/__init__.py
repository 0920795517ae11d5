"""Folds over the events of runs. None of them reaches into the loop."""
