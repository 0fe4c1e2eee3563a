"""What can keep an author from seeing what they asked for.

AuthoringError              any failure of this package
├── NoSuchSample            the specification has no sample of that name, or none at all (LookupError)
├── NotRealised             nothing of the sample is on an element of that platform (ValueError)
├── ValueUnknown            a value that can neither be made up nor is given (LookupError)
└── FolderTaken             where a new specification was to be written, something lies already (FileExistsError)
"""


class AuthoringError(Exception):
    """Its text says what happened, to which object, and what to do."""


class NoSuchSample(AuthoringError, LookupError):
    pass


class NotRealised(AuthoringError, ValueError):
    pass


class ValueUnknown(AuthoringError, LookupError):
    pass


class FolderTaken(AuthoringError, FileExistsError):
    pass
