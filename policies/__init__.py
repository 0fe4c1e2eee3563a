"""What should be: service specifications, SLAs, thresholds, tariffs. Data files and pure evaluators, no I/O."""
