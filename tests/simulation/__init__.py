"""One seed, one thread: the real poller, store and core on SQLite, through hours of a panel's life in a second."""
