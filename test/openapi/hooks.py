"""What schemathesis cannot know: which token is good, and how to cause the answers that no schema leads to."""

import os
from collections import Counter

import schemathesis

TOKEN = os.environ["OPENAPI_TOKEN"]
# Where the whole service answers: what the token is good for, asked for by every other request.
SCOPE = os.environ.get("OPENAPI_SCOPE")
IDENTITY = os.environ.get("OPENAPI_IDENTITY")
# One request in so many of an operation is made too large, one asks for client authentication.
EVERY = 25
BODY_LIMIT_BYTES = 64 * 1024

turns = Counter()


@schemathesis.hook
def before_call(context, case, kwargs):
    turns[case.operation.label] += 1
    turn = turns[case.operation.label] % EVERY
    body = case.body
    if SCOPE and turn % 2 == 0 and case.path == "/sts/exchange":
        # In a body that is no object there is no place for them.
        place = case.query if case.method.upper() == "GET" else body
        if isinstance(place, dict):
            place.update(scope=SCOPE, identity=IDENTITY)
            for name in ("scopes", "cap"):
                place.pop(name, None)
    if SCOPE and turn % 2 == 0 and case.path == "/token" and isinstance(body, dict):
        body.update(audience=SCOPE, identity=IDENTITY)
        for name in ("resource", "scope"):
            body.pop(name, None)
    if case.method.upper() != "POST" or not isinstance(body, dict):
        return
    for name in ("subject_token", "refresh_token"):
        if isinstance(body.get(name), str) and body[name]:
            body[name] = TOKEN
    if turn == 5:
        body["unknown"] = "x" * BODY_LIMIT_BYTES
    if turn == 10 and case.path in ("/token", "/revoke"):
        case.headers["Authorization"] = "Basic Og=="
