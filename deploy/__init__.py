"""What belongs around a daemon in production: a unit for systemd, rules for Prometheus, dashboards for Grafana."""
