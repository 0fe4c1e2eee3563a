"""What can go wrong with an action.

ActionError
├── UnknownAction      there is no action with this id                                   (LookupError)
├── UnknownRule        there is no rule of this name                                     (LookupError)
├── ActionRefused      something stands against it, or it has gone beyond that           (ValueError)
├── NotMeant           what the rule does is not for this kind of object                 (ValueError)
└── NotPossible        it is, but cannot be done to this one                             (ValueError)
"""

from collections.abc import Iterable

from policies.document import nearest


class ActionError(Exception):
    """The text says about which object, why, and what can be done instead."""


class UnknownAction(ActionError, LookupError):
    def __init__(self, action_id: str) -> None:
        super().__init__(f"action {action_id}: there is none with this id; list them with `fabd action list --all`")


class UnknownRule(ActionError, LookupError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"rule {name}: there is none of this name{nearest(name, known)} (fabd action rules tells what they do)")


class ActionRefused(ActionError, ValueError):
    pass


class NotMeant(ActionError, ValueError):
    pass


class NotPossible(ActionError, ValueError):
    pass
