"""What can go wrong in assurance itself; what goes wrong with elements is data (`drivers.snmp.batch.PollFailure`), not an error.

AssuranceError
├── UnknownAlarm      there is no alarm with this id (LookupError)
├── UnknownProblem    there is no problem with this id (LookupError)
├── NotCollected      no such collector, or it does not ask that element (LookupError)
├── AlarmRefused      it cannot be done to this alarm (ValueError)
└── NoHistory         nothing of this was ever measured (LookupError)
"""


class AssuranceError(Exception):
    """A failure of assurance's own."""


class UnknownAlarm(AssuranceError, LookupError):
    def __init__(self, alarm_id: str) -> None:
        super().__init__(f"alarm {alarm_id}: there is none with this id; list them with `fabd alarm list`")
        self.alarm_id = alarm_id


class NoHistory(AssuranceError, LookupError):
    def __init__(self, subject: str, metric: str) -> None:
        super().__init__(f"{metric} of {subject}: was never measured; list what is kept with `fabd history list`")
        self.subject, self.metric = subject, metric


class UnknownProblem(AssuranceError, LookupError):
    def __init__(self, problem_id: str) -> None:
        super().__init__(f"problem {problem_id}: there is none with this id; list them with `fabd problem list --all`")
        self.problem_id = problem_id


class AlarmRefused(AssuranceError, ValueError):
    """The text says to which alarm, why, and what can be done instead."""


class NotCollected(AssuranceError, LookupError):
    """The text says which collector, and which elements it asks."""
