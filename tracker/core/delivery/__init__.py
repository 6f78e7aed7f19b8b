"""Which hooks hear an event, and what an attempt to deliver it means."""
