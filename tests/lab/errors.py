"""LabError
├── CommandFailed     a program of the lab ended with an error or ran too long
├── NotReady          something the lab waited for did not happen in time (also a TimeoutError)
└── LabBusy           another process is using the lab
"""


class LabError(Exception):
    pass


class CommandFailed(LabError):
    pass


class NotReady(LabError, TimeoutError):
    pass


class LabBusy(LabError):
    pass
