"""Between fabd and the tools of Prometheus: where to scrape, samples that are sent, alerts that come and go."""
