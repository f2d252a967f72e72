#!/usr/bin/env python3
"""The official Python client against the real server."""
import unittest

import openai

import serving

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


class Client(serving.ServeTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = openai.OpenAI(base_url=cls.server.url + "/v1", api_key="none-needed", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        super().tearDownClass()

    def chat(self, **more):
        options = {"model": serving.MODEL, "messages": QUESTION, "temperature": 0, "max_tokens": 24, **more}
        return self.client.chat.completions.create(**options)

    def test_models(self):
        models = self.client.models.list().data
        self.assertEqual([m.id for m in models], [serving.MODEL])
        self.assertEqual(self.client.models.retrieve(serving.MODEL).id, serving.MODEL)
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("nothing")

    def test_chat_whole_and_streamed(self):
        whole = self.chat()
        choice = whole.choices[0]
        self.assertTrue(choice.message.content)
        self.assertEqual(choice.message.role, "assistant")
        self.assertIn(choice.finish_reason, ("stop", "length"))
        self.assertEqual(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens)
        chunks = list(self.chat(stream=True, stream_options={"include_usage": True}))
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        self.assertEqual(text, choice.message.content)
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices][-1], choice.finish_reason)
        self.assertEqual(chunks[-1].choices, [])
        self.assertEqual(chunks[-1].usage.completion_tokens, whole.usage.completion_tokens)
        self.assertEqual(len({c.id for c in chunks}), 1)

    def test_several_answers_and_seed(self):
        first = self.chat(n=3, seed=11, temperature=1, max_tokens=8)
        again = self.chat(n=3, seed=11, temperature=1, max_tokens=8)
        texts = [c.message.content for c in first.choices]
        self.assertEqual(texts, [c.message.content for c in again.choices])
        self.assertGreater(len(set(texts)), 1)
        one = self.chat(seed=12, temperature=1, max_tokens=8)
        self.assertEqual(one.choices[0].message.content, texts[1])

    def test_logprobs(self):
        reply = self.chat(logprobs=True, top_logprobs=3, max_tokens=6)
        items = reply.choices[0].logprobs.content
        self.assertEqual(len(items), 6)
        self.assertEqual("".join(i.token for i in items), reply.choices[0].message.content)
        for item in items:
            self.assertEqual(len(item.top_logprobs), 3)
            self.assertEqual(bytes(item.bytes).decode(errors="replace"), item.token)
            # Greedy: the token is the likeliest.
            self.assertAlmostEqual(item.logprob, item.top_logprobs[0].logprob, places=5)

    def test_stop_bias_and_penalties(self):
        whole = self.chat().choices[0].message.content
        stop = whole[4:9]
        cut = self.chat(stop=[stop]).choices[0]
        self.assertEqual((cut.message.content, cut.finish_reason), (whole[:whole.index(stop)], "stop"))
        ids = self.server.post("/tokenize", {"prompt": whole[:5], "add_special_tokens": False})[2]["tokens"]
        other = self.chat(logit_bias={str(ids[0]): -100}).choices[0].message.content
        self.assertNotEqual(other, whole)
        self.chat(frequency_penalty=1, presence_penalty=-1, max_completion_tokens=4, max_tokens=None,
                  extra_body={"top_k": 5, "min_p": 0.1, "typical_p": 0.9, "repetition_penalty": 1.1})

    def test_completions(self):
        text = self.client.completions.create(model=serving.MODEL, prompt="The capital of France is",
                                              temperature=0, max_tokens=6)
        self.assertIn("Paris", text.choices[0].text)
        echo = self.client.completions.create(model=serving.MODEL, prompt="The capital of France is",
                                              temperature=0, max_tokens=2, echo=True, logprobs=1)
        self.assertTrue(echo.choices[0].text.startswith("The capital of France is"))
        logprobs = echo.choices[0].logprobs
        self.assertIsNone(logprobs.token_logprobs[0])
        self.assertTrue(all(p is not None and p <= 0 for p in logprobs.token_logprobs[1:]))
        for token, offset in zip(logprobs.tokens, logprobs.text_offset):
            self.assertEqual(echo.choices[0].text[offset:offset + len(token)], token)
        ids = self.server.post("/tokenize", {"prompt": "The capital of France is"})[2]["tokens"]
        by_ids = self.client.completions.create(model=serving.MODEL, prompt=ids, temperature=0, max_tokens=6)
        self.assertEqual(by_ids.choices[0].text, text.choices[0].text)
        streamed = self.client.completions.create(model=serving.MODEL, prompt=ids, temperature=0,
                                                  max_tokens=6, stream=True)
        self.assertEqual("".join(c.choices[0].text for c in streamed), text.choices[0].text)

    def test_embeddings(self):
        texts = ["A cat sat on the mat.", "A kitten lay on the rug.", "Interest rates rose by 0.25%."]
        # The client asks for base64 by itself.
        vectors = [d.embedding for d in self.client.embeddings.create(model=serving.MODEL, input=texts).data]
        plain = self.client.embeddings.create(model=serving.MODEL, input=texts, encoding_format="float")
        dot = lambda a, b: sum(x * y for x, y in zip(a, b))
        for vector, other in zip(vectors, plain.data):
            self.assertEqual(len(vector), 576)
            self.assertAlmostEqual(dot(vector, vector), 1, places=4)
            self.assertAlmostEqual(dot(vector, other.embedding), 1, places=4)
        self.assertGreater(dot(vectors[0], vectors[1]), dot(vectors[0], vectors[2]))

    def test_errors_are_the_clients_own(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(temperature=5)
        self.assertEqual(caught.exception.param, "temperature")
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(messages=[{"role": "user", "content": "a " * 3000}])
        self.assertEqual(caught.exception.code, "context_length_exceeded")
        self.assertIn("2048", caught.exception.message)
        with self.assertRaises(openai.NotFoundError):
            self.chat(model="nothing")

    def test_cached_tokens_tell_the_truth(self):
        long = [{"role": "user", "content": "Repeat: " + "one two three four five six seven. " * 20}]
        cold = self.chat(messages=long, max_tokens=4)
        warm = self.chat(messages=long, max_tokens=4)
        self.assertEqual(warm.choices[0].message.content, cold.choices[0].message.content)
        self.assertEqual(cold.usage.prompt_tokens, warm.usage.prompt_tokens)
        cached = warm.usage.prompt_tokens_details.cached_tokens
        self.assertLess(cached, warm.usage.prompt_tokens)
        # Not shared with a request that asks for it.
        apart = self.chat(messages=long, max_tokens=4, extra_body={"cache_prompt": False})
        self.assertEqual(apart.usage.prompt_tokens_details.cached_tokens, 0)


if __name__ == "__main__":
    serving.main()
