#!/usr/bin/env python3
"""Ollama's own Python client against the real server."""
import json
import subprocess
import unittest

import ollama

import serving

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = {"temperature": 0, "num_predict": 24}


class Client(serving.ServeTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = ollama.Client(host=cls.server.url)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        super().tearDownClass()

    def chat(self, **more):
        return self.client.chat(**{"model": serving.MODEL, "messages": QUESTION, "options": GREEDY, **more})

    def test_chat_whole_and_streamed(self):
        whole = self.chat()
        self.assertTrue(whole.message.content)
        self.assertEqual(whole.message.role, "assistant")
        self.assertTrue(whole.done)
        self.assertIn(whole.done_reason, ("stop", "length"))
        self.assertGreater(whole.prompt_eval_count, 5)
        self.assertGreater(whole.eval_count, 1)
        self.assertGreater(whole.eval_duration, 0)
        self.assertGreaterEqual(whole.total_duration, whole.prompt_eval_duration + whole.eval_duration)
        parts = list(self.chat(stream=True))
        self.assertEqual("".join(p.message.content for p in parts), whole.message.content)
        self.assertEqual([p.done for p in parts], [False] * (len(parts) - 1) + [True])
        self.assertEqual((parts[-1].done_reason, parts[-1].eval_count), (whole.done_reason, whole.eval_count))
        # The same answer as by the other wire.
        chat = self.server.post("/v1/chat/completions",
                                {"messages": QUESTION, "temperature": 0, "max_tokens": 24})[2]
        self.assertEqual(chat["choices"][0]["message"]["content"], whole.message.content)

    def test_streaming_is_the_default_of_the_wire(self):
        status, headers, body = self.server.post("/api/chat", {
            "model": serving.MODEL + ":latest", "messages": QUESTION, "options": {"num_predict": 3}})
        self.assertEqual((status, headers["content-type"]), (200, "application/x-ndjson"))
        lines = [json.loads(line) for line in body.splitlines()]
        self.assertTrue(lines[-1]["done"])
        self.assertEqual(lines[-1]["done_reason"], "length")

    def test_version(self):
        said = subprocess.run([serving.BINARY, "--version"], capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual(self.server.get("/api/version")[2]["version"], said[-1])

    def test_generate_and_its_context(self):
        first = self.client.generate(serving.MODEL, "What is the capital of France?", options=GREEDY)
        self.assertEqual(first.response, self.chat().message.content)
        again = self.client.generate(serving.MODEL, "And of Italy?", context=first.context, options=GREEDY)
        self.assertGreater(again.prompt_eval_count, first.prompt_eval_count)
        self.assertEqual(again.context[:len(first.context)], first.context)
        self.assertTrue(again.response)
        streamed = list(self.client.generate(serving.MODEL, "What is the capital of France?", options=GREEDY,
                                             stream=True))
        self.assertEqual("".join(p.response for p in streamed), first.response)
        self.assertEqual(streamed[-1].context, first.context)

    def test_raw_and_system(self):
        raw = self.client.generate(serving.MODEL, "The capital of France is", raw=True, options=GREEDY)
        self.assertIn("Paris", raw.response)
        self.assertIsNone(raw.context)
        plain = self.client.generate(serving.MODEL, "Hello", options=GREEDY)
        system = self.client.generate(serving.MODEL, "Hello", system="You are a pirate. Talk like one.",
                                      options=GREEDY)
        self.assertNotEqual(system.prompt_eval_count, plain.prompt_eval_count)

    def test_options(self):
        whole = self.chat().message.content
        stop = whole[4:9]
        cut = self.chat(options={**GREEDY, "stop": [stop]})
        self.assertEqual((cut.message.content, cut.done_reason), (whole[:whole.index(stop)], "stop"))
        warm = {"seed": 7, "temperature": 1.0, "num_predict": 8, "top_k": 50, "top_p": 0.95, "min_p": 0.01,
                "typical_p": 0.99, "repeat_penalty": 1.1, "repeat_last_n": 32, "presence_penalty": 0.1,
                "frequency_penalty": 0.1, "num_ctx": 2048, "num_thread": 2}
        self.assertEqual(self.chat(options=warm).message.content, self.chat(options=warm).message.content)
        self.chat(options=ollama.Options(num_predict=2, num_gpu=0), keep_alive="10m", think=False)
        with self.assertRaises(ollama.ResponseError) as caught:
            self.chat(options={"num_ctx": 4096})
        self.assertEqual(caught.exception.status_code, 400)
        self.assertIn("options.num_ctx is 4096, but this model is served with 2048", caught.exception.error)

    def test_formats(self):
        reply = self.chat(format="json", options={**GREEDY, "num_predict": 60})
        self.assertTrue(reply.message.content.startswith("{"), reply.message.content)
        if reply.done_reason == "stop":
            self.assertIsInstance(json.loads(reply.message.content), dict)
        schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"],
                  "additionalProperties": False}
        reply = self.client.generate(serving.MODEL, "Name a city.", format=schema, options={"num_predict": 60})
        self.assertEqual(set(json.loads(reply.response)), {"city"})

    def test_tools(self):
        def get_weather(city: str) -> str:
            """The weather of a city.

            Args:
                city: its name
            """
            return city

        asked = [{"role": "user", "content": "What is the weather in Paris? Call get_weather."}]
        reply = self.chat(messages=asked, tools=[get_weather], options={"temperature": 0, "num_predict": 60})
        for call in reply.message.tool_calls or []:
            self.assertEqual((call.function.name, set(call.function.arguments)), ("get_weather", {"city"}))
        parts = list(self.chat(messages=asked, tools=[get_weather], stream=True,
                               options={"temperature": 0, "num_predict": 60}))
        self.assertEqual("".join(p.message.content for p in parts), reply.message.content)
        self.assertEqual([c for p in parts for c in p.message.tool_calls or []], list(reply.message.tool_calls or []))
        called = {"role": "assistant", "tool_calls": [
            {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}]}
        result = {"role": "tool", "tool_name": "get_weather", "content": "21 degrees and sunny"}
        answer = self.chat(messages=[*asked, called, result], tools=[get_weather])
        self.assertGreater(answer.prompt_eval_count, reply.prompt_eval_count)
        with self.assertRaises(ollama.ResponseError) as caught:
            self.chat(think=True)
        self.assertIn("think", caught.exception.error)

    def test_logprobs(self):
        reply = self.chat(logprobs=True, top_logprobs=2, options={**GREEDY, "num_predict": 4})
        self.assertEqual(len(reply.logprobs), 4)
        self.assertEqual("".join(t.token for t in reply.logprobs), reply.message.content)
        self.assertEqual(len(reply.logprobs[0].top_logprobs), 2)

    def test_embeddings(self):
        texts = ["A cat sat on the mat.", "Interest rates rose."]
        vectors = self.client.embed(serving.MODEL, texts).embeddings
        self.assertEqual([len(v) for v in vectors], [576, 576])
        self.assertAlmostEqual(sum(x * x for x in vectors[0]), 1, places=4)
        older = self.client.embeddings(serving.MODEL, texts[0]).embedding
        self.assertAlmostEqual(sum(x * y for x, y in zip(vectors[0], older)), 1, places=4)

    def test_models(self):
        listed = self.client.list().models
        self.assertEqual([m.model for m in listed], [serving.MODEL])
        self.assertEqual(listed[0].details.family, "llama")
        self.assertGreater(listed[0].size, 50_000_000)
        self.assertEqual(self.client.ps().models[0].context_length, 2048)
        shown = self.client.show(serving.MODEL)
        self.assertEqual(shown.modelinfo["general.architecture"], "llama")
        self.assertIn("<|im_start|>", shown.template)
        self.assertIn("completion", shown.capabilities)
        self.assertEqual(self.chat(messages=[]).done_reason, "load")

    def test_errors_are_the_clients_own(self):
        for call, status in ((lambda: self.chat(model="nothing"), 404),
                             (lambda: self.chat(options={"top_p": 2}), 400),
                             (lambda: self.chat(messages=[{"role": "user", "content": "a " * 3000}]), 400),
                             (lambda: list(self.chat(model="nothing", stream=True)), 404),
                             (lambda: self.client.show("nothing"), 404),
                             (lambda: self.client.pull("llama3"), 400),
                             (lambda: self.client.delete("llama3"), 400),
                             (lambda: self.client.copy("a", "b"), 400)):
            with self.assertRaises(ollama.ResponseError) as caught:
                call()
            self.assertEqual(caught.exception.status_code, status)
            self.assertTrue(caught.exception.error)


if __name__ == "__main__":
    serving.main()
