#!/usr/bin/env python3
"""The same request gives the same tokens and the same log-probabilities, bit for bit: alone, beside others, streamed,
cached, cold, with guesses or without, and by a server with other batches. ONDOL_LONG_TESTS=1 asks SmolLM2 instead of a tiny model."""
import concurrent.futures
import json
import random
import unittest

import serving

N_PROMPTS = 30
WORDS = "stone floor warm smoke flue fire winter room paper clay mortar hearth night snow wind river bridge road".split()


def requests():
    rng = random.Random(20)
    shared = " ".join(rng.choices(WORDS, k=70))
    for n in range(N_PROMPTS):
        own = " ".join(rng.choices(WORDS, k=rng.choice([1, 5, 40, 150])))
        body = {"prompt": f"{shared} {own}" if n % 3 == 0 else own, "max_tokens": rng.randint(4, 24), "logprobs": 2,
                "seed": rng.randrange(1 << 50), "ignore_eos": True}
        body.update(rng.choice([{"temperature": 0}, {"temperature": 1}, {"temperature": 1.7, "top_k": 50},
                                {"temperature": 0.8, "top_p": 0.9, "repetition_penalty": 1.2},
                                {"temperature": 1, "min_p": 0.02, "frequency_penalty": 1, "presence_penalty": -0.5},
                                {"temperature": 1.2, "typical_p": 0.8, "logit_bias": {"500": 4, "1000": -100}}]))
        yield body


class Determinism(unittest.TestCase):
    def outcome(self, server, body):
        status, _, reply = server.post("/v1/completions", body)
        self.assertEqual(status, 200, reply)
        if body.get("stream"):
            events = [line[6:] for line in reply.splitlines() if line.startswith("data: {")]
            choices = [json.loads(event)["choices"][0] for event in events]
        else:
            choices = reply["choices"]
            self.n_draft += reply["timings"]["n_draft"]
            self.assertLessEqual(reply["timings"]["n_draft_accepted"], reply["timings"]["n_draft"])
        out = {"text": "".join(choice["text"] for choice in choices), "finish_reason": choices[-1]["finish_reason"]}
        for field in ("tokens", "token_logprobs", "top_logprobs"):
            out[field] = [item for choice in choices for item in choice["logprobs"][field]]
        return out

    def compare(self, way, outcomes):
        for n, (outcome, alone) in enumerate(zip(outcomes, self.alone, strict=True)):
            self.assertEqual(outcome, alone, f"{way}, request {n}")

    def together(self, server, bodies, n_at_once):
        with concurrent.futures.ThreadPoolExecutor(n_at_once) as pool:
            return list(pool.map(lambda body: self.outcome(server, body), bodies))

    def test_every_way_gives_the_same(self):
        model = serving.SMOLLM2 if serving.IS_LONG else serving.tiny_model()
        bodies = list(requests())
        server = serving.Server("--deterministic", "--speculate", "lookup", "--threads", 2, models=(model,))
        self.n_draft = 0
        try:
            cold = [{**body, "cache_prompt": False} for body in bodies]
            self.alone = [self.outcome(server, body) for body in cold]
            self.assertGreater(len({o["text"] for o in self.alone}), N_PROMPTS // 2)
            self.assertGreater(self.n_draft, 0)
            self.compare("together", self.together(server, cold, N_PROMPTS))
            self.compare("kept", [self.outcome(server, body) for body in bodies])
            hits = server.metric("vllm:prefix_cache_hits_total")
            self.compare("cached", [self.outcome(server, body) for body in bodies])
            self.assertGreater(server.metric("vllm:prefix_cache_hits_total"), hits + 1000)
            streams = [{**body, "stream": True} for body in bodies]
            self.compare("streamed", [self.outcome(server, body) for body in streams])
            self.compare("streamed together", self.together(server, streams, N_PROMPTS))
        finally:
            self.assertEqual(server.stop(), 0)
        # So few pages that requests give theirs back and begin again; other batches; no speculation; one thread.
        server = serving.Server("--kv-tokens", 2048, "--max-sequences", 5, "--speculate", "off", "--threads", 1, models=(model,))
        try:
            self.compare("another server", self.together(server, bodies, 10))
        finally:
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    serving.main()
