"""What measured values say of the future: thresholds, baselines, trends. Pure; the rules are data (`policies/foresight`)."""
