"""Samples of ports, sent on as Prometheus' remote write 1.0: for those who keep them elsewhere, and do not scrape."""
