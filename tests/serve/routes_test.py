#!/usr/bin/env python3
"""Every route with and without a key, hosts and origins, and openapi.json's truth."""
import json
import unittest

import jsonschema

import serving

KEY = "a-key-for-tests"
BEARER = {"Authorization": "Bearer " + KEY}
MESSAGES = [{"role": "user", "content": "Hi"}]
PUBLIC = {"/health", "/ready"}
# They may be asked a few times a minute only: client_test.py does.
PAIRINGS = "/v1/ondol/pairings"
CONVERSATION = "/v1/ondol/conversations/0b7c1e5a-1d2f-4a3b-8c4d-5e6f708192a3"
BODIES = {
    "/v1/chat/completions": {"messages": MESSAGES, "max_tokens": 2},
    "/v1/completions": {"prompt": "Hi", "max_tokens": 2},
    "/v1/responses": {"input": "Hi", "max_output_tokens": 2, "store": False},
    "/v1/embeddings": {"input": "Hi"},
    "/tokenize": {"prompt": "Hi"},
    "/detokenize": {"tokens": [1, 2]},
    "/api/chat": {"model": serving.MODEL, "messages": MESSAGES, "stream": False, "options": {"num_predict": 2}},
    "/api/generate": {"model": serving.MODEL, "prompt": "Hi", "stream": False, "options": {"num_predict": 2}},
    "/api/embed": {"model": serving.MODEL, "input": "Hi"},
    "/api/embeddings": {"model": serving.MODEL, "prompt": "Hi"},
    "/api/show": {"model": serving.MODEL},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 2},
    "/v1/messages/count_tokens": {"messages": MESSAGES},
    CONVERSATION: {"title": "Hi"},
}


class Routes(serving.ServeTest):
    env = {"ONDOL_API_KEY": KEY}
    arguments = ("--cors-origin", "https://app.example", "--host-name", "box.example")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.document = cls.server.get("/openapi.json", headers=BEARER)[2]

    def operations(self):
        for path, methods in self.document["paths"].items():
            if path.startswith(PAIRINGS):
                continue
            for method, operation in methods.items():
                path = path.replace("{id}", serving.MODEL).replace("{device_id}", "dev_none")
                if "{conversation_id}" in path:
                    path = CONVERSATION
                    self.server.call("PUT", path, BODIES[path], headers=BEARER)
                if "{response_id}" in path:
                    body = {**BODIES["/v1/responses"], "store": True}
                    path = path.replace("{response_id}", self.post("/v1/responses", body)[2]["id"])
                yield method.upper(), path, operation

    def body_for(self, method, path):
        return BODIES.get(path) if method in ("POST", "PUT") else None

    def schema(self, schema):
        return {**schema, "components": self.document["components"]}

    def validate(self, value, schema):
        jsonschema.Draft202012Validator(self.schema(schema)).validate(value)

    def post(self, path, body, **more):
        return self.server.post(path, body, headers=BEARER, **more)

    def test_every_route_with_and_without_key(self):
        for method, path, operation in self.operations():
            with self.subTest(path=path):
                body = self.body_for(method, path)
                status = self.server.call(method, path, body)[0]
                if path in PUBLIC:
                    self.assertEqual(status, 200)
                    continue
                self.assert_error(self.server.call(method, path, body), 401, code="missing_api_key", path=path)
                wrong = {"Authorization": "Bearer wrong-key"}
                self.assert_error(self.server.call(method, path, body, headers=wrong), 401, code="invalid_api_key",
                                  path=path)
                # What was deleted is not there for the other key header; what can only fail fails.
                expected = (400,) if "200" not in operation["responses"] else (200, 404) if method == "DELETE" else (200,)
                for right in (BEARER, {"x-api-key": KEY}):
                    reply = self.server.call(method, path, body, headers=right)
                    self.assertIn(reply[0], expected, reply)
                    if reply[0] != 200:
                        self.assert_error(reply, reply[0], path=path)
        self.assert_error(self.server.get("/nothing"), 401)
        self.assert_error(self.server.get("/nothing", headers=BEARER), 404)
        self.assert_error(self.server.call("DELETE", "/v1/models", headers=BEARER), 405)

    def test_replies_are_as_described(self):
        jsonschema.Draft202012Validator.check_schema(self.schema({}))
        error = {"$ref": "#/components/schemas/Error"}
        for method, path, operation in self.operations():
            with self.subTest(path=path):
                done = operation["responses"].get("200", {"content": {}})
                described = done["content"].get("application/json")
                if described is None:
                    continue
                body = self.body_for(method, path)
                if body is not None:
                    self.validate(body, operation["requestBody"]["content"]["application/json"]["schema"])
                status, _, reply = self.server.call(method, path, body, headers=BEARER)
                self.assertIn(status, (200, 404) if method == "DELETE" else (200,))
                self.validate(reply, described["schema"] if status == 200 else error)
        self.validate(self.post("/v1/completions", {})[2], error)
        self.validate(self.post("/api/chat", {})[2], {"$ref": "#/components/schemas/OllamaError"})
        self.validate(self.post("/v1/messages", {})[2], {"$ref": "#/components/schemas/AnthropicError"})
        rich = {**BODIES["/v1/chat/completions"], "logprobs": True, "top_logprobs": 2, "n": 2}
        self.validate(self.post("/v1/chat/completions", rich)[2], {"$ref": "#/components/schemas/ChatReply"})
        rich = {**BODIES["/v1/completions"], "logprobs": 2, "echo": True}
        self.validate(self.post("/v1/completions", rich)[2], {"$ref": "#/components/schemas/CompletionReply"})

    def test_every_described_parameter_is_known(self):
        for method, path, operation in self.operations():
            if method != "POST" or "requestBody" not in operation:
                continue
            name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
            for field in self.document["components"]["schemas"][name]["properties"]:
                body = {**BODIES[path]}
                body.setdefault(field, None)  # null is as absent
                self.assertEqual(self.post(path, body)[0], 200, (path, field))
            self.assert_error(self.post(path, {**BODIES[path], "no_such_field": None}), 400,
                              param="no_such_field", code="unknown_parameter", path=path)

    def test_broken_bodies(self):
        for body in ["", "{", "[]", "nonsense", '{"prompt": "a", "prompt": "b"}', '{"a":' * 200 + "1" + "}" * 200,
                     b'{"prompt": "\xff"}']:
            self.assert_error(self.post("/v1/completions", body), 400)

    def test_foreign_hosts_and_origins(self):
        for host in ("evil.example", f"evil.example:{self.server.port}", "localhost.evil.example"):
            self.assert_error(self.server.get("/v1/models", headers=BEARER, host=host), 403)
            self.assert_error(self.server.get("/health", host=host), 403)
        for host in ("localhost", "box.example", f"[::1]:{self.server.port}", "192.168.0.9"):
            self.assertEqual(self.server.get("/health", host=host)[0], 200)
        for origin in ("https://evil.example", "null"):
            self.assert_error(self.server.get("/health", headers={"Origin": origin}), 403)
        own = {"Origin": self.server.url}
        self.assertEqual(self.server.get("/health", headers=own)[0], 200)

    def test_cors(self):
        origin = {"Origin": "https://app.example"}
        status, headers, _ = self.server.call("OPTIONS", "/v1/chat/completions", headers={
            **origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"})
        self.assertEqual(status, 204)
        self.assertEqual(headers["access-control-allow-origin"], "https://app.example")
        self.assertIn("POST", headers["access-control-allow-methods"])
        self.assertEqual(headers["access-control-allow-headers"], "authorization")
        status, headers, _ = self.server.get("/v1/models", headers={**BEARER, **origin})
        self.assertEqual((status, headers["access-control-allow-origin"]), (200, "https://app.example"))
        self.assertNotIn("access-control-allow-origin", self.server.get("/health")[1])

    def test_tokens_there_and_back(self):
        text = "Grüße, 世界! 🎉"
        tokens = self.post("/tokenize", {"prompt": text, "add_special_tokens": False})[2]["tokens"]
        self.assertEqual(self.post("/detokenize", {"tokens": tokens})[2], {"prompt": text})
        chat = self.post("/tokenize", {"messages": MESSAGES, "return_token_strs": True})[2]
        self.assertIn("<|im_start|>", chat["token_strs"])


if __name__ == "__main__":
    serving.main()
