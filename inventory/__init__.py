"""The system of record: database, elements, topology, pools and allocations, services, importers."""
