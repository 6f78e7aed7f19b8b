"""`tracker demo`: the real daemon against two simulated panels and a receiver, and a view of all that.

story    what happens when, and the configuration it needs
stage    panels and receiver in this process, the daemon as a child, the intake in between
reader   database and receiver -> Scene, five times a second
view     Scene -> a screen          plain   Scene -> lines
evidence everything both sides know at the end -> checks -> report
"""
