"""The closed loop: what is done about alarms by rules, within guards, and what came of it. Above assurance and fulfilment."""
