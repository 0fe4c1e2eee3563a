"""Active measurement: ICMP echo (RFC 792, RFC 4443) and STAMP (RFC 8762), sender and reflector."""
