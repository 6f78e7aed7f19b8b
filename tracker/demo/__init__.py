"""`tracker demo`: the real daemon against two simulated panels and a receiver, with a live view.

story     what happens when, and the configuration for it
site      panels and receiver in this process, the daemon as a child process, and a shop that has orders tracked
reader    database and receiver -> DemoSnapshot, five times a second
view      DemoSnapshot -> a screen          plain   DemoSnapshot -> lines
runner    reads and shows until the story ends
evidence  everything that both sides have at the end -> checks -> report
"""
