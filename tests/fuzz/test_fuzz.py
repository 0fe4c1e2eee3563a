"""Whatever is asked of the API, it answers as its own description says, and never that it made a mistake."""

import re

import pytest

from tests.fuzz.run import fuzz

SECONDS = 75
SEED = 20260105
"""The same requests each time, as far as the time goes; `make fuzz` asks others."""


@pytest.mark.fuzz
def test_no_request_is_answered_with_a_mistake_or_an_undocumented_status():
    report = fuzz(SECONDS, seed=SEED)
    assert report.code == 0, report.text
    asked = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)", report.text)
    assert asked
    assert len({*asked.groups()}) == 1, "some operations were not asked anything"
    assert '"level": "error"' not in report.log
