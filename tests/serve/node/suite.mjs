// The official JavaScript client against a real server, whose address is in ONDOL_URL.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

const OpenAI = createRequire(process.env.ONDOL_NODE_MODULES + "/")("openai").default;
const model = process.env.ONDOL_MODEL;
const client = new OpenAI({ baseURL: process.env.ONDOL_URL + "/v1", apiKey: "none-needed", maxRetries: 0 });

const question = [{ role: "user", content: "What is the capital of France?" }];
const person = {
  type: "object",
  properties: { name: { type: "string", maxLength: 16 }, age: { type: "integer", minimum: 1, maximum: 99 } },
  required: ["name", "age"],
  additionalProperties: false,
};
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: {
      type: "object",
      properties: { city: { enum: ["Seoul", "Paris"] }, days: { type: "integer", minimum: 1, maximum: 9 } },
      required: ["city", "days"],
      additionalProperties: false,
    },
  },
};

const chat = (more) =>
  client.chat.completions.create({ model, messages: question, temperature: 0, max_tokens: 16, ...more });

async function collect(stream) {
  const out = [];
  for await (const item of stream) out.push(item);
  return out;
}

test("models", async () => {
  assert.deepEqual((await collect(client.models.list())).map((m) => m.id), [model]);
  await assert.rejects(client.models.retrieve("nothing"), OpenAI.NotFoundError);
});

test("a streamed answer is the whole one", async () => {
  const whole = await chat();
  assert.ok(whole.choices[0].message.content);
  assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
  const chunks = await collect(await chat({ stream: true, stream_options: { include_usage: true } }));
  assert.equal(chunks.map((c) => c.choices[0]?.delta.content ?? "").join(""), whole.choices[0].message.content);
  assert.equal(chunks.at(-1).usage.completion_tokens, whole.usage.completion_tokens);
  const runner = client.chat.completions.stream({ model, messages: question, temperature: 0, max_tokens: 16 });
  assert.equal(await runner.finalContent(), whole.choices[0].message.content);
});

test("a stream can be left", async () => {
  const stream = await chat({ stream: true, max_tokens: 1000 });
  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content) break;
  }
  assert.ok(stream.controller.signal.aborted);
});

test("calls of tools", async () => {
  const asked = { tools: [weather], tool_choice: "required", parallel_tool_calls: false, max_tokens: 100 };
  const whole = (await chat(asked)).choices[0];
  assert.equal(whole.finish_reason, "tool_calls");
  const call = whole.message.tool_calls[0];
  const given = JSON.parse(call.function.arguments);
  assert.equal(call.function.name, "get_weather");
  assert.ok(["Seoul", "Paris"].includes(given.city) && given.days >= 1 && given.days <= 9);
  const streamed = await client.chat.completions
    .stream({ model, messages: question, temperature: 0, ...asked })
    .finalChatCompletion();
  assert.equal(streamed.choices[0].message.tool_calls[0].function.arguments, call.function.arguments);
  const messages = [...question, whole.message, { role: "tool", tool_call_id: call.id, content: "Sunny." }];
  assert.ok((await chat({ messages })).choices[0].message.content);
});

test("structured outputs", async () => {
  const response_format = { type: "json_schema", json_schema: { name: "person", schema: person, strict: true } };
  const reply = await client.chat.completions.parse({
    model, messages: [{ role: "user", content: "Describe a mason." }], response_format, max_tokens: 80, seed: 4,
  });
  const parsed = reply.choices[0].message.parsed;
  assert.equal(typeof parsed.name, "string");
  assert.ok(Number.isInteger(parsed.age) && parsed.age >= 1 && parsed.age <= 99);
});

test("completions, embeddings", async () => {
  const text = await client.completions.create({ model, prompt: "The capital of France is", temperature: 0, max_tokens: 6 });
  assert.match(text.choices[0].text, /Paris/);
  const { data } = await client.embeddings.create({ model, input: ["A cat.", "A kitten."] });
  assert.equal(data.length, 2);
  assert.ok(Math.abs(data[0].embedding.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-3);
});

test("responses and their conversation", async () => {
  const first = await client.responses.create({ model, input: "My name is Ada.", max_output_tokens: 8 });
  assert.ok(first.output_text);
  assert.equal((await client.responses.retrieve(first.id)).output_text, first.output_text);
  const stream = await client.responses.create({
    model, input: "What is my name?", previous_response_id: first.id, max_output_tokens: 8, stream: true,
  });
  const events = await collect(stream);
  const text = events.filter((e) => e.type === "response.output_text.delta").map((e) => e.delta).join("");
  assert.equal(events.at(-1).response.previous_response_id, first.id);
  assert.equal(events.filter((e) => e.type === "response.output_text.done")[0].text, text);
  await client.responses.delete(first.id);
  await assert.rejects(client.responses.retrieve(first.id), OpenAI.NotFoundError);
});

test("errors name what is wrong", async () => {
  await assert.rejects(chat({ temperature: 5 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "temperature");
    return true;
  });
  await assert.rejects(chat({ model: "nothing" }), OpenAI.NotFoundError);
  await assert.rejects(chat({ messages: [{ role: "user", content: "a ".repeat(3000) }] }), (error) => {
    assert.equal(error.code, "context_length_exceeded");
    return true;
  });
});
