"""The dashboard (read-only pages over the reports), the HTTP API, /metrics and the endpoint of the gateway.

Rule 1: what is shown comes from `reports`; this package never imports the store. Orders from the API go to `actions`.
Rule 2: text from panels is escaped, and it becomes a link only with http or https.
Rule 3: a page needs no inline script or style and nothing from another host: the policy in `security` forbids them.
"""
