"""Writes the golden files anew: `make golden`. Review the difference before it is committed."""

import sys

from tests.agent.authoring.shipped import GOLDEN, all_trials, golden_text


def main() -> None:
    wanted = {GOLDEN / f"{name}.txt": golden_text(trial) for name, trial in all_trials().items()}
    for path in set(GOLDEN.rglob("*.txt")) - set(wanted):
        path.unlink()
        sys.stdout.write(f"removed {path.relative_to(GOLDEN)}\n")
    for path, text in sorted(wanted.items()):
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            sys.stdout.write(f"wrote {path.relative_to(GOLDEN)}\n")


if __name__ == "__main__":
    main()
