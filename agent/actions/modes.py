"""Which rules are on, as the settings have it."""

from collections.abc import Iterable, Mapping

from agent.errors import ConfigurationError
from policies.acting.rules import Mode, Rule


def with_modes(rules: Iterable[Rule], modes: Mapping[str, str]) -> Mapping[str, Rule]:
    """By name, with the mode that the settings give. Raises `ConfigurationError` for a rule that is not there."""
    known = {rule.name: rule for rule in rules}
    if strangers := sorted(modes.keys() - known.keys()):
        there = ", ".join(sorted(known))
        raise ConfigurationError([f"actions.modes.{name}: there is no such rule; there are {there}" for name in strangers])
    return {name: rule.model_copy(update={"mode": Mode(modes.get(name, rule.mode))}) for name, rule in known.items()}
