"""ListenerSetupError    a listener cannot start as configured (OSError)"""


class ListenerSetupError(OSError):
    pass
