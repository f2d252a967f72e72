#!/usr/bin/env python3
"""/v1/responses with the official client: answers, streams, conversations that survive kill -9, and other keys."""
import hashlib
import json
import pathlib
import signal
import tempfile
import unittest

import jsonschema
import openai

import serving

KEYS = {"lab": "key-of-the-lab", "guest": "key-of-a-guest"}


def key_file(folder):
    path = pathlib.Path(folder) / "keys.json"
    digests = [{"name": n, "sha256": hashlib.sha256(k.encode()).hexdigest()} for n, k in KEYS.items()]
    path.write_text(json.dumps({"keys": digests}))
    return path


class Responses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="ondol-responses-")
        cls.store = pathlib.Path(cls.folder.name) / "kept/responses.sqlite"
        cls.start()

    @classmethod
    def start(cls):
        cls.server = serving.Server("--key-file", key_file(cls.folder.name), "--store", cls.store)
        cls.clients = {name: openai.OpenAI(base_url=cls.server.url + "/v1", api_key=key, max_retries=0)
                       for name, key in KEYS.items()}
        cls.client = cls.clients["lab"]

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        cls.folder.cleanup()
        assert code == 0, f"exit code {code}: {cls.server.lines}"

    def create(self, text, **more):
        options = {"model": serving.MODEL, "input": text, "temperature": 0, "max_output_tokens": 16, **more}
        return self.client.responses.create(**options)

    def test_calls_and_forms(self):
        parameters = {"type": "object", "properties": {"zone": {"enum": ["UTC", "KST"]}}, "required": ["zone"],
                      "additionalProperties": False}
        tool = {"type": "function", "name": "get_time", "parameters": parameters, "strict": True}
        asked = {"tools": [tool], "tool_choice": "required", "parallel_tool_calls": False, "max_output_tokens": 100}
        reply = self.create("What time is it in Seoul?", **asked)
        self.assertEqual([item.type for item in reply.output], ["function_call"])
        call = reply.output[0]
        jsonschema.validate(json.loads(call.arguments), parameters)
        events = list(self.create("What time is it in Seoul?", stream=True, **asked))
        deltas = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
        self.assertGreater(len(deltas), 1)
        self.assertEqual("".join(deltas), call.arguments)
        self.assertEqual([e.sequence_number for e in events], list(range(len(events))))
        self.assertEqual(events[-1].type, "response.completed")
        told = self.create([{"type": "function_call_output", "call_id": call.call_id, "output": "12:30"}],
                           previous_response_id=reply.id, tools=[tool], tool_choice="none", max_output_tokens=8)
        self.assertTrue(told.output_text)
        schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 1, "maximum": 99}},
                  "required": ["age"], "additionalProperties": False}
        form = {"format": {"type": "json_schema", "name": "mason", "schema": schema}}
        formed = self.create("Describe a mason.", extra_body={"text": form}, max_output_tokens=60)
        jsonschema.validate(json.loads(formed.output_text), schema)

    def validate(self, value, name):
        document = self.server.get("/openapi.json", headers={"x-api-key": KEYS["lab"]})[2]
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(value)

    def test_an_answer(self):
        answer = self.create("What is the capital of France?", instructions="Answer briefly.",
                             metadata={"topic": "towns"})
        self.assertTrue(answer.output_text)
        self.assertEqual(answer.object, "response")
        self.assertEqual(answer.instructions, "Answer briefly.")
        self.assertEqual(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens)
        again = self.client.responses.retrieve(answer.id)
        self.assertEqual(again.to_dict(), answer.to_dict())
        items = self.client.responses.input_items.list(answer.id)
        self.assertEqual([i.content[0].text for i in items], ["What is the capital of France?"])
        self.validate(json.loads(answer.model_dump_json(exclude_unset=True)), "Response")

    def test_the_stream_is_the_answer(self):
        whole = self.create("Name three colours.")
        events = list(self.create("Name three colours.", stream=True))
        self.assertEqual([e.sequence_number for e in events], list(range(len(events))))
        self.assertEqual(events[0].type, "response.created")
        self.assertIn(events[-1].type, ("response.completed", "response.incomplete"))
        text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
        self.assertEqual(text, whole.output_text)
        self.assertEqual(events[-1].response.output_text, text)
        self.assertEqual(events[-1].response.usage.output_tokens, whole.usage.output_tokens)
        for event in events:
            self.validate(json.loads(event.model_dump_json(exclude_unset=True)), "ResponseEvent")
        with self.client.responses.stream(model=serving.MODEL, input="What is the capital of France?", temperature=0,
                                          max_output_tokens=32, extra_body={"stop": [" "]}) as stream:
            for _ in stream:
                pass
        final = stream.get_final_response()
        self.assertEqual(final.status, "completed")
        self.assertTrue(final.output_text and " " not in final.output_text)

    def test_logprobs(self):
        answer = self.create("Say hello.", include=["message.output_text.logprobs"], top_logprobs=2,
                             max_output_tokens=5)
        part = answer.output[0].content[0]
        self.assertEqual("".join(p.token for p in part.logprobs), part.text)
        self.assertTrue(all(len(p.top_logprobs) == 2 for p in part.logprobs))

    def test_conversations_go_on_from_the_cache(self):
        """Every turn begins with exactly the tokens of the last one, the answer's own included."""
        last = self.create("Tell me a long story about a fox, a crow and a piece of cheese.", max_output_tokens=48)
        for question in ("What did the crow do?", "And the fox?"):
            n_before = last.usage.total_tokens
            last = self.create(question, previous_response_id=last.id, max_output_tokens=32)
            # But for the page that is not full, and the last token, whose keys were never needed.
            self.assertGreaterEqual(last.usage.input_tokens_details.cached_tokens, n_before - 1 - 64)
            self.assertGreater(last.usage.input_tokens_details.cached_tokens, n_before // 2)

    def test_conversations_survive_kill(self):
        first = self.create("My name is Ada. Remember it.")
        self.assertEqual(self.server.stop(signal.SIGKILL), -signal.SIGKILL)
        self.start()
        self.assertEqual(self.client.responses.retrieve(first.id).to_dict(), first.to_dict())
        second = self.create("What is my name?", previous_response_id=first.id)
        self.assertEqual(second.previous_response_id, first.id)
        self.assertGreater(second.usage.input_tokens, first.usage.total_tokens)
        self.assertEqual(self.store.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.store.parent.stat().st_mode & 0o777, 0o700)

    def test_other_keys_and_deleted_ones(self):
        mine = self.create("Hi")
        guest = self.clients["guest"]
        for call in (guest.responses.retrieve, guest.responses.delete,
                     lambda i: list(guest.responses.input_items.list(i)),
                     lambda i: guest.responses.create(model=serving.MODEL, input="a", previous_response_id=i)):
            with self.assertRaises(openai.NotFoundError):
                call(mine.id)
        with self.assertRaises(openai.BadRequestError):
            self.client.responses.cancel(mine.id)
        self.client.responses.delete(mine.id)
        with self.assertRaises(openai.NotFoundError):
            self.client.responses.retrieve(mine.id)
        unkept = self.create("Hi", store=False)
        with self.assertRaises(openai.NotFoundError):
            self.client.responses.retrieve(unkept.id)

    def test_mistakes_are_named(self):
        for more, param in (({"truncation": "auto"}, "truncation"), ({"background": True}, "background"),
                            ({"max_output_tokens": 0}, "max_output_tokens"),
                            ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
                            ({"extra_body": {"no_such": 1}}, "no_such")):
            with self.assertRaises(openai.BadRequestError) as caught:
                self.create("a", **more)
            self.assertEqual(caught.exception.param, param)


class Refusals(unittest.TestCase):
    def refused(self, *arguments):
        with self.assertRaises(AssertionError) as caught:
            serving.Server(*arguments)
        return str(caught.exception)

    def test_a_file_that_is_no_store(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "notes.txt"
            path.write_text("These are notes, and no database. " * 20)
            self.assertIn("not a database", self.refused("--store", path))
            self.assertIn("--store-bytes", self.refused("--store-bytes", "5"))

    def test_the_smallest_store_is_as_large_as_it_is_called(self):
        self.assertEqual(serving.Server("--store-bytes", "1MB").stop(), 0)


if __name__ == "__main__":
    serving.main()
