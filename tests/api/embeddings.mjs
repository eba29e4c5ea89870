// The official OpenAI client's embeddings, against a server of a small encoder; run by test_embeddings.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.HENCE_URL + "/v1", apiKey: "none", maxRetries: 0 });
const input = ["ba de", "fi go ku"];
const create = (more) => client.embeddings.create({ model: "embedder", input, ...more });

test("vectors come as the client likes them", async () => {
  const given = await create({}); // asks for base64 and decodes it
  const floats = await create({ encoding_format: "float" });
  assert.equal(given.object, "list");
  assert.equal(given.model, "embedder");
  assert.deepEqual(given.data.map((d) => [d.object, d.index]), [["embedding", 0], ["embedding", 1]]);
  assert.deepEqual(given.data.map((d) => d.embedding), floats.data.map((d) => d.embedding.map(Math.fround)));
  assert.equal(given.data[0].embedding.length, 96);
  const squares = given.data[1].embedding.reduce((sum, x) => sum + x * x, 0);
  assert.ok(Math.abs(squares - 1) < 1e-5);
  assert.equal(given.usage.prompt_tokens, 9); // two and three words, each between two tokens
  assert.equal(given.usage.total_tokens, 9);
});

test("fewer dimensions are asked for", async () => {
  const { data } = await create({ dimensions: 8 });
  assert.deepEqual(data.map((d) => d.embedding.length), [8, 8]);
  await assert.rejects(create({ dimensions: 97 }), { status: 400, param: "dimensions" });
});

test("what is wrong is told", async () => {
  await assert.rejects(create({ input: [] }), { status: 400, param: "input", code: "empty_array" });
  await assert.rejects(create({ input: "" }), { status: 400, param: "input" });
  await assert.rejects(create({ input: "ba ".repeat(500) }), { status: 400, code: "context_length_exceeded" });
  await assert.rejects(create({ model: "other" }), { status: 404, code: "model_not_found" });
  await assert.rejects(create({ model: "ranker" }), { status: 400, code: "wrong_model_kind" });
});
