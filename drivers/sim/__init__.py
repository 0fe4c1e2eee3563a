"""Simulated network elements that speak the real protocols over real sockets."""
