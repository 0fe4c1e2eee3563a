"""Alarms: raised, damped, handled by people and by time, told to the outside."""
