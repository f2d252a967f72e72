#!/usr/bin/env python3
"""Anthropic's own Python client against the real server."""
import json
import unittest

import anthropic

import serving

KEY = "a-key-for-tests"
WEATHER = {"name": "get_weather", "description": "The weather of a city", "input_schema": {
    "type": "object", "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["C", "F"]}},
    "required": ["city", "unit"], "additionalProperties": False}}
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


def n_input(message):
    return message.usage.input_tokens + message.usage.cache_read_input_tokens


class Client(serving.ServeTest):
    env = {"ONDOL_API_KEY": KEY}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = anthropic.Anthropic(base_url=cls.server.url, api_key=KEY, max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        super().tearDownClass()

    def create(self, **more):
        body = {"temperature": 0, **more.pop("extra_body", {})}
        return self.client.messages.create(**{"model": serving.MODEL, "messages": QUESTION, "max_tokens": 24,
                                              **more}, extra_body=body)

    def test_message_whole_and_streamed(self):
        whole = self.create()
        self.assertEqual((whole.type, whole.role, whole.model), ("message", "assistant", serving.MODEL))
        self.assertEqual([b.type for b in whole.content], ["text"])
        chat = self.server.post("/v1/chat/completions", {"messages": QUESTION, "temperature": 0, "max_tokens": 24},
                                headers={"x-api-key": KEY})[2]
        self.assertEqual(whole.content[0].text, chat["choices"][0]["message"]["content"])
        self.assertIn(whole.stop_reason, ("end_turn", "max_tokens"))
        with self.client.messages.stream(model=serving.MODEL, messages=QUESTION, max_tokens=24,
                                         extra_body={"temperature": 0}) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        self.assertEqual(text, whole.content[0].text)
        self.assertEqual((final.stop_reason, final.content[0].text), (whole.stop_reason, text))
        self.assertEqual(final.usage.output_tokens, whole.usage.output_tokens)
        events = list(self.create(stream=True))
        self.assertEqual([events[0].type, events[-1].type], ["message_start", "message_stop"])

    def test_system_blocks_and_turns(self):
        plain = self.create()
        blocks = self.create(max_tokens=1, system=[{"type": "text", "text": "Be brief."}])
        string = self.create(max_tokens=1, system="Be brief.")
        self.assertEqual(n_input(string), n_input(blocks))
        self.assertNotEqual(n_input(string), n_input(plain))
        turns = self.create(messages=[*QUESTION, {"role": "assistant", "content": plain.content},
                                      {"role": "user", "content": [{"type": "text", "text": "And of Italy?"}]}])
        self.assertGreater(n_input(turns), n_input(plain))

    def test_an_answer_that_is_begun_goes_on(self):
        begun = [*QUESTION, {"role": "assistant", "content": "The capital of France is"}]
        reply = self.create(messages=begun, max_tokens=6)
        self.assertTrue(reply.content[0].text.startswith(" "), reply.content)
        count = self.client.messages.count_tokens
        self.assertGreater(count(model=serving.MODEL, messages=begun).input_tokens,
                           count(model=serving.MODEL, messages=QUESTION).input_tokens)

    def test_why_it_ended(self):
        self.assertEqual(self.create(max_tokens=2).stop_reason, "max_tokens")
        text = self.create().content[0].text
        stopped = self.create(stop_sequences=["qqq", text[4:9]])
        self.assertEqual((stopped.stop_reason, stopped.stop_sequence), ("stop_sequence", text[4:9]))
        self.assertEqual(stopped.content[0].text, text[:text.index(text[4:9])])

    def test_counting(self):
        n = self.client.messages.count_tokens(model=serving.MODEL, messages=QUESTION, system="Be brief.")
        self.assertEqual(n.input_tokens, n_input(self.create(max_tokens=1, system="Be brief.")))

    def test_usage_tells_what_was_cached(self):
        long = [{"role": "user", "content": "Repeat: " + "one two three four five. " * 30}]
        cold = self.create(max_tokens=1, messages=long)
        warm = self.create(max_tokens=1, messages=long)
        self.assertEqual(n_input(warm), n_input(cold))
        self.assertGreater(warm.usage.cache_read_input_tokens, cold.usage.cache_read_input_tokens)

    def test_tools(self):
        asked = {"messages": [{"role": "user", "content": "What is the weather in Paris?"}], "tools": [WEATHER],
                 "tool_choice": {"type": "any", "disable_parallel_tool_use": True}, "max_tokens": 80}
        whole = self.create(**asked)
        self.assertEqual(whole.stop_reason, "tool_use")
        call = whole.content[-1]
        self.assertEqual((call.type, call.name, set(call.input)), ("tool_use", "get_weather", {"city", "unit"}))
        with self.client.messages.stream(model=serving.MODEL, extra_body={"temperature": 0}, **asked) as stream:
            streamed = stream.get_final_message()
        self.assertEqual([b.type for b in streamed.content], [b.type for b in whole.content])
        self.assertEqual(streamed.content[-1].input, call.input)
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"}
        answer = self.create(max_tokens=16, tools=[WEATHER], tool_choice={"type": "none"}, messages=[
            *asked["messages"], {"role": "assistant", "content": whole.content}, {"role": "user", "content": [result]}])
        self.assertEqual([b.type for b in answer.content], ["text"])
        count = self.client.messages.count_tokens
        self.assertGreater(count(model=serving.MODEL, messages=asked["messages"], tools=[WEATHER]).input_tokens,
                           count(model=serving.MODEL, messages=asked["messages"]).input_tokens)

    def test_an_answer_by_a_schema(self):
        schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"],
                  "additionalProperties": False}
        reply = self.create(max_tokens=40, output_config={"format": {"type": "json_schema", "schema": schema}})
        self.assertEqual(set(json.loads(reply.content[0].text)), {"city"})

    def test_errors_are_the_clients_own(self):
        for more, kind in (({"extra_body": {"temperature": 2}}, anthropic.BadRequestError),
                           ({"max_tokens": 0}, anthropic.BadRequestError),
                           ({"model": "nothing"}, anthropic.NotFoundError),
                           ({"messages": [{"role": "user", "content": "a " * 3000}]}, anthropic.BadRequestError),
                           ({"thinking": {"type": "enabled", "budget_tokens": 5}}, anthropic.BadRequestError)):
            with self.assertRaises(kind) as caught:
                self.create(**more)
            self.assertEqual(caught.exception.body["type"], "error")
            self.assertTrue(caught.exception.type.endswith("_error"))
        with self.assertRaises(anthropic.AuthenticationError) as caught:
            self.client.with_options(api_key="wrong-key").messages.create(
                model=serving.MODEL, messages=QUESTION, max_tokens=1)
        self.assertEqual(caught.exception.type, "authentication_error")
        bearer = anthropic.Anthropic(base_url=self.server.url, auth_token=KEY, max_retries=0)
        with bearer:
            self.assertEqual(bearer.messages.create(model=serving.MODEL, messages=QUESTION,
                                                    max_tokens=1).stop_reason, "max_tokens")


if __name__ == "__main__":
    serving.main()
