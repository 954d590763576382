"""What schemathesis cannot know: which token is good, and how to cause the answers that no schema leads to."""

import os
from collections import Counter

import schemathesis

TOKEN = os.environ["OPENAPI_TOKEN"]
# One request in so many of an operation is made too large, one asks for client authentication.
EVERY = 25
BODY_LIMIT_BYTES = 64 * 1024

turns = Counter()


@schemathesis.hook
def before_call(context, case, kwargs):
    turns[case.operation.label] += 1
    turn = turns[case.operation.label] % EVERY
    body = case.body
    if case.method.upper() != "POST" or not isinstance(body, dict):
        return
    for name in ("subject_token", "refresh_token"):
        if isinstance(body.get(name), str) and body[name]:
            body[name] = TOKEN
    if turn == 5:
        body["unknown"] = "x" * BODY_LIMIT_BYTES
    if turn == 10 and case.path in ("/token", "/revoke"):
        case.headers["Authorization"] = "Basic Og=="
