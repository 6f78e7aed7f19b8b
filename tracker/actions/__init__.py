"""What people may do: one class per noun, one method per verb, for commands, pages and the HTTP API alike.

Rule 1: an action checks what it is given, does its one thing, and returns a small value. It prints and asks nothing.
Rule 2: what a person has to correct is a UserError, with all problems at once and the exit code of a command.
Rule 3: every action has its `ActionContext`, and database transactions nest: the context is the place where a record of
        who did what can be written in the transaction of the action itself.

Reading is not an action: it goes through `reports`.
"""
