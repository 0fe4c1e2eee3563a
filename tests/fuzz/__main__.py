"""`python -m tests.fuzz [SECONDS] [SEED] [PATHS]`: longer than in the test suite, with another seed each time."""

import secrets
import sys

from tests.fuzz.run import fuzz

SECONDS = 900


def main(arguments: list[str]) -> int:
    seconds, seed, only, *_ = [*arguments, *["", "", ""][len(arguments) :]]
    report = fuzz(int(seconds or SECONDS), seed=int(seed or secrets.randbelow(2**31)), only=only)
    sys.stdout.write(report.text)
    errors = [line for line in report.log.splitlines() if '"level": "error"' in line]
    for line in errors[:20]:
        sys.stderr.write(f"{line[:200]} … {line[-1500:]}\n")
    return report.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
