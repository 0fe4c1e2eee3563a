"""What can go wrong with measuring a service.

MeasurementError
├── NothingToMeasure      the service has nothing that could be measured, or it is not on the network
├── TargetUnusable        what its specification names as a target cannot be measured (ValueError)
├── CannotMeasure         the system does not let fabd send test packets (PermissionError)
└── TooManyTests          so many run already, or send all that may be sent (TimeoutError)
"""


class MeasurementError(Exception):
    """The message is for the operator."""


class NothingToMeasure(MeasurementError):
    pass


class TargetUnusable(MeasurementError, ValueError):
    pass


class CannotMeasure(MeasurementError, PermissionError):
    pass


class TooManyTests(MeasurementError, TimeoutError):
    pass
