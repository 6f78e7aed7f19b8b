"""HTTP exchanges with one deadline, over vetted sockets, and the client of a panel."""
