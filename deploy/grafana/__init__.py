"""The dashboards, as definitions that people can read; `python -m deploy.grafana` writes them as Grafana reads them."""
