"""The rules of this installation, read and held against the alarms that there can be."""

from agent.assurance.alarms.causes import FLAPPING, MEANINGS
from agent.assurance.alarms.itself import CAUSE as ITSELF
from agent.assurance.collection.tracks import CAUSES as THRESHOLDS
from agent.assurance.events.crowding import CROWD
from agent.assurance.events.eventwatch import DISBELIEVED, STORM
from agent.assurance.levels.budgets import CAUSES as BUDGETS
from agent.assurance.problems.neighbours import SUSPECTED
from agent.catalog import load_actions, load_collectors, load_foresight, load_translations
from agent.config import ActionSettings, CatalogSettings
from policies.acting.rules import Rule


def load_rules(catalog: CatalogSettings, actions: ActionSettings) -> tuple[Rule, ...]:
    """Raises as `agent.catalog.load_catalog` does, also for a cause that no alarm has."""
    return load_actions(catalog, known_causes(catalog, actions))


def known_causes(catalog: CatalogSettings, actions: ActionSettings) -> frozenset[str]:
    """Causes that alarms can have here: fabd's own, those of the catalog's rules, and what the settings say others tell of."""
    return frozenset(
        {
            *(meaning.cause for meaning in MEANINGS.values()),
            *(FLAPPING, CROWD, DISBELIEVED, ITSELF, STORM, SUSPECTED),
            *THRESHOLDS,
            *BUDGETS,
            *(rule.cause for rule in load_foresight(catalog)),
            *(state.cause for collector in load_collectors(catalog) for state in collector.states),
            *(each.rule.alarm.cause for each in load_translations(catalog).rules if each.rule.alarm is not None),
            *actions.causes,
        }
    )
