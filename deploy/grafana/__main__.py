"""`python -m deploy.grafana`: write the dashboards beside this file."""

import json
from pathlib import Path

from deploy.grafana.definition import definitions
from deploy.grafana.writing import document

FOLDER = Path(__file__).parent / "dashboards"


def texts() -> dict[str, str]:
    """File name → its text."""
    return {f"{each.name}.json": json.dumps(document(each), indent=1) + "\n" for each in definitions()}


if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
