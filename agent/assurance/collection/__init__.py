"""Asking elements and what follows from their answers: counters to deltas, thresholds, usage."""
