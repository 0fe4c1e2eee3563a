"""What can go wrong in assurance itself; what goes wrong with elements is data (`drivers.snmp.batch.PollFailure`), not an error.

AssuranceError
└── UnknownAlarm      there is no alarm with this id (LookupError)
"""


class AssuranceError(Exception):
    """A failure of assurance's own."""


class UnknownAlarm(AssuranceError, LookupError):
    def __init__(self, alarm_id: str) -> None:
        super().__init__(f"alarm {alarm_id}: there is none with this id; list them with `fabd alarm list`")
        self.alarm_id = alarm_id
