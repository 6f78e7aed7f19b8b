"""Every read for people: plain rows out, SELECT only.

A row is a dict with stable keys in a fixed order (each file says which). Its values are what the program keeps: money
as Decimal, moments (`…_at`, `…since`, `…until`, `not_before`) as seconds since the epoch, unknown as None.
`rows.plain` turns it into what JSON shows. Long lists are read in short statements (`paging`): a read that stays open
keeps SQLite's write-ahead log from being folded into the database.
"""
