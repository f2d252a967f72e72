#!/usr/bin/env python3
"""Answers that must have a form: JSON by a schema, a pattern, a grammar, calls of tools. The model is small and
knows nothing of forms, so that what comes out right does so because nothing else could."""
import json
import re
import time
import unittest

import jsonschema
import openai

import serving

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "minimum": 0, "maximum": 120},
                   "likes": {"type": "array", "items": {"enum": ["tea", "stone", "한글"]}, "maxItems": 2}},
    "required": ["name", "age", "likes"], "additionalProperties": False}
WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 16},
                                                    "days": {"type": "integer", "minimum": 1, "maximum": 9}},
                   "required": ["city", "days"], "additionalProperties": False}}}
TIME = {"type": "function", "function": {"name": "get_time", "parameters": {
    "type": "object", "properties": {"zone": {"enum": ["UTC", "KST"]}}, "required": ["zone"], "additionalProperties": False}}}


class Structured(serving.ServeTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = openai.OpenAI(base_url=cls.server.url + "/v1", api_key="none-needed", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        super().tearDownClass()

    def chat(self, text, **more):
        options = {"model": serving.MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": 160,
                   "temperature": 1.2, "seed": 5, **more}
        return self.client.chat.completions.create(**options)

    def test_json_schema(self):
        format = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
        for seed in range(4):
            reply = self.chat("Describe a mason from Seoul.", response_format=format, seed=seed)
            self.assertEqual(reply.choices[0].finish_reason, "stop")
            jsonschema.validate(json.loads(reply.choices[0].message.content), PERSON)

    def test_json_object(self):
        reply = self.chat("A JSON object with one short member, please.", response_format={"type": "json_object"},
                          temperature=0)
        if reply.choices[0].finish_reason == "stop":
            self.assertIsInstance(json.loads(reply.choices[0].message.content), dict)
        else:
            self.assertTrue(reply.choices[0].message.content.startswith("{"))

    def test_regex_and_grammar(self):
        for field, source in (("regex", "[1-9][0-9]{3}-(0[1-9]|1[0-2])"),
                              ("grammar", 'root ::= year "-" ("0" [1-9] | "1" [0-2])\nyear ::= [1-9] [0-9] [0-9] [0-9]')):
            reply = self.chat("When?", extra_body={field: source})
            self.assertRegex(reply.choices[0].message.content, r"\A[1-9]\d{3}-(0[1-9]|1[0-2])\Z", field)
            text = self.server.post("/v1/completions", {"prompt": "In", "max_tokens": 20, field: source})[2]
            self.assertRegex(text["choices"][0]["text"], r"\A[1-9]\d{3}-(0[1-9]|1[0-2])\Z", field)

    def check_call(self, call):
        schema = {"get_weather": WEATHER, "get_time": TIME}[call.function.name]["function"]["parameters"]
        jsonschema.validate(json.loads(call.function.arguments), schema)

    def test_tools_required(self):
        reply = self.chat("Weather in Busan?", tools=[WEATHER, TIME], tool_choice="required", parallel_tool_calls=False)
        message = reply.choices[0].message
        self.assertEqual(reply.choices[0].finish_reason, "tool_calls")
        self.assertEqual(len(message.tool_calls), 1)
        self.check_call(message.tool_calls[0])
        named = self.chat("Weather in Busan?", tools=[WEATHER, TIME],
                          tool_choice={"type": "function", "function": {"name": "get_time"}})
        self.assertEqual({c.function.name for c in named.choices[0].message.tool_calls}, {"get_time"})
        for call in named.choices[0].message.tool_calls:
            self.check_call(call)

    def test_streamed_pieces_are_the_whole(self):
        options = {"tools": [WEATHER, TIME], "tool_choice": "required", "seed": 3, "parallel_tool_calls": False}
        whole = self.chat("Weather?", **options).choices[0].message.tool_calls
        pieces, finish = {}, None
        for chunk in self.chat("Weather?", stream=True, **options):
            for choice in chunk.choices:
                finish = choice.finish_reason or finish
                for call in choice.delta.tool_calls or []:
                    name, arguments, n = pieces.get(call.index, ("", "", 0))
                    pieces[call.index] = (name + (call.function.name or ""), arguments + (call.function.arguments or ""), n + 1)
        self.assertEqual(finish, "tool_calls")
        self.assertEqual([pieces[i][:2] for i in sorted(pieces)], [(c.function.name, c.function.arguments) for c in whole])
        self.assertGreater(pieces[0][2], 1)  # arguments come as they are made

    def test_a_conversation_with_a_result(self):
        call = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": '{"zone": "KST"}'}}
        reply = self.client.chat.completions.create(
            model=serving.MODEL, max_tokens=12, temperature=0, tools=[TIME], tool_choice="none",
            messages=[{"role": "user", "content": "What time is it?"}, {"role": "assistant", "tool_calls": [call]},
                      {"role": "tool", "tool_call_id": "call_1", "content": "12:30"}])
        self.assertTrue(reply.choices[0].message.content)

    def test_refusals_name_what_they_refuse(self):
        def refused(**more):
            with self.assertRaises(openai.BadRequestError) as caught:
                self.chat("x", **more)
            return caught.exception.body

        schema = {"type": "object", "properties": {"a": {"type": "string", "contentEncoding": "base64", "if": {}}}}
        error = refused(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
        self.assertIn("/properties/a", error["message"])
        self.assertTrue(error["param"].startswith("response_format"))
        self.assertEqual(refused(extra_body={"regex": "(a"})["param"], "regex")
        self.assertEqual(refused(extra_body={"regex": "a(?=b)"})["param"], "regex")
        self.assertEqual(refused(extra_body={"grammar": "root ::= x"})["param"], "grammar")
        self.assertEqual(refused(extra_body={"grammar": 'root ::= "a"', "regex": "a"})["param"], "regex")
        broken = {"type": "function", "function": {"name": "no spaces", "parameters": {}}}
        self.assertEqual(refused(tools=[broken])["param"], "tools[0].function.name")

    def test_hostile_forms_cost_little(self):
        deep = {"type": "string"}
        for _ in range(12):  # 8191 schemas
            deep = {"anyOf": [deep, {"type": "array", "items": deep}]}
        for more in ({"regex": "((a{1,1000}){1,1000}){1,1000}"}, {"grammar": "root ::= root root | root | \"a\""},
                     {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": deep}}}):
            start = time.monotonic()
            status, _, reply = self.server.post("/v1/chat/completions", {
                "messages": [{"role": "user", "content": "x"}], "max_tokens": 1, **more})
            self.assertIn(status, (200, 400), reply)
            self.assertLess(time.monotonic() - start, 10)  # a second of compiling, and a busy machine
        self.assertEqual(self.server.get("/health")[0], 200)


if __name__ == "__main__":
    unittest.main()
