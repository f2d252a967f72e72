#!/usr/bin/env python3
"""Every field of every request, as openapi.json names it, with every hostile value: it is taken, or refused with 400
and the field's name, as the description says. Never a 5xx, never a stream without an end."""
import concurrent.futures
import copy
import http.client
import json
import threading
import unittest

import jsonschema

import serving
from routes_test import BODIES

HOSTILE = ["-1", "0", "NaN", "1e309", "9223372036854775808", '"string"', "null", "[]"]
MORE_HOSTILE = ["-1e309", "-9223372036854775809", "1.5", "{}", "true", '""', "[[[[]]]]"]
NO_JSON = ("NaN", "1e309", "-1e309")  # of these some are no number that JSON knows
# Taken or not by more than their own range: by other fields, by the model, by its vocabulary.
CONDITIONAL = {"top_logprobs", "best_of", "dimensions", "n", "budget_tokens", "num_ctx", "tokens", "context",
               "stop_token_ids"}
SEVERAL_FORMS = {"prompt", "input"}  # texts as well as token ids


def resolved(document, schema):
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def numbers(document, schema, path=()):
    """(path, schema) of every numeric field; a path's parts are names, and 0 for items of arrays."""
    schema = resolved(document, schema)
    types = schema.get("type", [])
    if path and {"number", "integer"} & set([types] if isinstance(types, str) else types):
        yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from numbers(document, inner, (*path, name))
    if isinstance(schema.get("additionalProperties"), dict):  # names that are token ids
        yield from numbers(document, schema["additionalProperties"], (*path, "5"))
    if isinstance(schema.get("items"), dict) and len(path) < 8:
        yield from numbers(document, schema["items"], (*path, 0))
    for key in ("oneOf", "anyOf", "allOf"):
        for inner in schema.get(key, []):
            yield from numbers(document, inner, path)


def put(body, path, value):
    """The body with the value at that place."""
    if not path:
        return value
    if path[0] == 0:
        return [put(None, path[1:], value)]
    out = dict(body) if isinstance(body, dict) else {}
    out[path[0]] = put(out.get(path[0]), path[1:], value)
    return out


class Values(serving.ServeTest):
    model = staticmethod(serving.tiny_model)
    arguments = ("--threads", 1)
    ctx = 96  # an answer without a limit of its own is short

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.document = cls.server.get("/openapi.json")[2]
        cls.local = threading.local()
        cls.connections = []
        cls.addClassCleanup(lambda: [connection.close() for connection in cls.connections])

    def post(self, path, body):
        """Over a connection that is kept; the whole reply, a stream's too."""
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
            self.connections.append(self.local.connection)
        self.local.connection.request("POST", path, body, {"Content-Type": "application/json"})
        reply = self.local.connection.getresponse()
        text = reply.read().decode()
        is_json = reply.headers["content-type"] == "application/json"
        return reply.status, {k.lower(): v for k, v in reply.getheaders()}, json.loads(text) if is_json else text

    def requests(self):
        """(path, the schema of its request, a good body) of every route that takes one."""
        for path, methods in self.document["paths"].items():
            for operation in methods.values():
                if "requestBody" in operation and path in BODIES:
                    body = copy.deepcopy(BODIES[path])
                    if "model" in body:
                        body["model"] = "tiny"
                    yield path, operation["requestBody"]["content"]["application/json"]["schema"], body

    def check(self, path, place, schema, body, value):
        if place[0] == "thinking" and len(place) > 1:
            body = {**body, "thinking": {"type": "enabled"}}
        text = json.dumps(put(body, place, "@")).replace('"@"', value)
        case = f"{path} {place} {value}" + (" streamed" if body.get("stream") else "")
        reply = self.post(path, text)
        status, _, answer = reply
        self.assertIn(status, (200, 400, 404) if place[0] in ("model", "previous_response_id") else (200, 400), (case, answer))
        if status == 200 and isinstance(answer, str):
            self.assert_ended(path, answer, case)
        if status == 400 and value == "null" and schema is None:  # as if absent; another may be missing instead
            self.assert_error(reply, 400, path=path)
        elif status == 400:
            self.assert_named(reply, path, place, value, case)
        if schema is not None and value not in NO_JSON and place[0] not in SEVERAL_FORMS:
            valid = jsonschema.Draft202012Validator(schema).is_valid(json.loads(value))
            if not valid or not CONDITIONAL & set(place):
                self.assertEqual(status == 200, valid, (case, answer))

    def assert_named(self, reply, path, place, value, case):
        error = self.assert_error(reply, 400, path=path)
        if value in NO_JSON and not str(error.get("param") or error["message"]).startswith(str(place[0])):
            self.assertIn("JSON", error["message"], case)
        elif "param" in error:
            self.assertEqual(error["param"].split(".")[0].split("[")[0], place[0], (case, error))
        else:
            leaf = [part for part in place if isinstance(part, str) and part != "5"][-1]
            self.assertIn("thinking" if leaf == "budget_tokens" else leaf, error["message"], case)

    def assert_ended(self, path, text, case):
        if path.startswith("/api/"):
            self.assertIs(json.loads(text.splitlines()[-1])["done"], True, case)
            return
        ends = {"/v1/messages": "event: message_stop", "/v1/responses": "event: response."}
        last = text.rstrip("\n").rsplit("\n\n", 1)[-1]
        self.assertTrue(last.startswith(ends.get(path, "data: [DONE]")), (case, text[-300:]))

    def check_all(self, cases):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(self.check, *case) for case in cases]:
                done.result()
        self.assertEqual(self.server.get("/ready")[0], 200)

    def values(self):
        return HOSTILE + (MORE_HOSTILE if serving.IS_LONG else [])

    def test_numbers(self):
        cases = []
        for path, schema, body in self.requests():
            places = list(numbers(self.document, schema))
            streamed = "stream" in resolved(self.document, schema).get("properties", {})
            for place, leaf in places:
                for value in self.values():
                    cases.append((path, place, leaf, body, value))
                    if streamed:
                        cases.append((path, place, leaf, {**body, "stream": True}, value))
        print(f"\n{len(cases)} cases")
        self.assertGreater(len({(path, place) for path, place, *_ in cases}), 100)
        self.check_all(cases)

    def test_fields_that_are_no_numbers(self):
        cases = []
        for path, schema, body in self.requests():
            for field in resolved(self.document, schema)["properties"]:
                cases += [(path, (field,), None, body, value) for value in self.values()]
        self.check_all(cases)

    def test_numbers_of_queries(self):
        made = self.server.post("/v1/responses", {"input": "Hi", "max_output_tokens": 1})[2]["id"]
        for value, status in (("-1", 400), ("0", 400), ("NaN", 400), ("1e309", 400), ("9223372036854775808", 400),
                              ("string", 400), ("", 400), ("null", 400), ("1", 200), ("100", 200), ("101", 400)):
            reply = self.server.get(f"/v1/responses/{made}/input_items?limit={value}")
            self.assertEqual(reply[0], status, (value, reply))
            if status == 400:
                self.assert_error(reply, 400, param="limit")


if __name__ == "__main__":
    serving.main()
