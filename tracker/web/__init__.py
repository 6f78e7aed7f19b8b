"""The dashboard: pages over the reports, and nothing that changes anything; and beside it the HTTP API.

Rule 1: what is shown comes from `reports`; this package never sees the store. What the API takes goes to the intake.
Rule 2: text from panels is text: it is escaped, and a link is one only with http or https.
Rule 3: a page needs no script, no style of its own and nothing from elsewhere: the policy in `security` forbids them.
"""
