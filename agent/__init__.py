"""The daemon: everything that runs or talks to people and systems."""
