"""Folds over the event stream. None of them reaches into the loop."""
