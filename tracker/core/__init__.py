"""The decisions: pure functions over frozen values. No IO, no clock, no chance, no logging."""
