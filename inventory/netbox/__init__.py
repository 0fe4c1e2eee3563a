"""NetBox as a source of the inventory: read over its REST API or from a dump, mapped by rules to an inventory document."""
