"""The files that an operator begins with."""

NETWORK = """\
sites:
- {name: ghent}
elements:
- name: pe1
  site: ghent
  platform: ietf
  endpoints: {netconf: {host: 127.0.0.1, port: 1, credential: core}}
  ports:
  - {name: ge-0/0/0, if_index: 1, role: core}
  - {name: ge-0/0/1, if_index: 2}
- name: pe2
  site: ghent
  platform: ios
  endpoints: {ssh: {host: 127.0.0.2, port: 22, credential: core}, snmp: {host: 127.0.0.2, port: 161, credential: core}}
  ports:
  - {name: Gi0/0, if_index: 1, role: core}
  - {name: Gi0/1, if_index: 2, speed_bps: 10000000000}
links:
- {name: pe1-pe2, a: pe1/ge-0/0/0, b: pe2/Gi0/0}
pools:
- {name: ipv4-links, kind: ipv4-prefix, prefix: 10.0.0.0/29, length: 31}
- {name: ipv6-links, kind: ipv6-prefix, prefix: "2001:db8::/64", length: 127}
- {name: backbone, kind: bandwidth, capacity_bps: 10000000000}
"""
CUSTOMERS = """\
customers:
- external_id: ACME
  name: Acme
  contact: {email: noc@acme.example}
  agreements:
  - {name: standard, sla: silver, tariff: business-internet}
- external_id: BRANCH
  name: Acme Ghent
  parent: ACME
"""
