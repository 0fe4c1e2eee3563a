"""A small network of real elements: FRR routers, net-snmp agents and netconfd in network namespaces.

`python -m tests.lab check|up|down|status`; in tests, the `lab` fixture. What the daemon does with it: tests/lab/daemon.
"""
