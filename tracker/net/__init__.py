"""HTTP exchanges with one deadline, over vetted sockets, and the client for a panel."""
