"""Every read for people: plain rows out, SELECT only.

A row is a dict with stable keys in a fixed order (each file says which), its values as the program
keeps them: money as Decimal, moments (`…_at`, `…since`, `…until`, `not_before`) as seconds since the
epoch, unknown as None. `plain` makes of it what JSON shows. Long reads come in pages, so that no reader
holds up the write-ahead log.
"""
