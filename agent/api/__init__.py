"""The HTTP interface: TM Forum APIs, native endpoints, authentication, paging, errors."""
