// The official Anthropic client against a server of the starter model.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";

const url = process.env.HENCE_URL;
const client = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });
const ask = { model: "starter", max_tokens: 24, temperature: 0 };
const messages = [{ role: "user", content: "Write a subject line for a waterproof tent." }];
const answer = (more) => client.messages.create({ ...ask, messages, ...more });

// Everything but what differs between two answers to the same request.
const plain = ({ id, _request_id, hence, usage, parsed_output, ...rest }) => ({ ...rest, tokens: usage.output_tokens });

test("a message is answered, twice the same", async () => {
  const a = await answer();
  assert.match(a.id, /^msg_/);
  assert.equal(a.type, "message");
  assert.equal(a.role, "assistant");
  assert.equal(a.model, "starter");
  assert.equal(a.content.length, 1);
  assert.ok(a.content[0].text.length > 10);
  assert.equal(a.stop_reason, "end_turn");
  assert.ok(a.usage.input_tokens > 0 && a.usage.output_tokens > 0);
  assert.deepEqual(plain(await answer()), plain(a));
});

test("a stream adds up to the answer", async () => {
  for (const more of [{}, { max_tokens: 1 }, { temperature: 1, seed: 5 }, { stop_sequences: ["tent"] }]) {
    const whole = await answer(more);
    const stream = client.messages.stream({ ...ask, messages, ...more });
    const kinds = [];
    stream.on("streamEvent", (event) => kinds.push(event.type));
    assert.deepEqual(plain(await stream.finalMessage()), plain(whole), JSON.stringify(more));
    assert.equal(kinds[0], "message_start");
    assert.equal(kinds.at(-1), "message_stop");
    assert.ok(kinds.includes("content_block_delta"));
  }
});

test("the reason of the end is told", async () => {
  assert.equal((await answer({ max_tokens: 2 })).stop_reason, "max_tokens");
  const stopped = await answer({ stop_sequences: ["tent"] });
  assert.equal(stopped.stop_reason, "stop_sequence");
  assert.equal(stopped.stop_sequence, "tent");
  assert.ok(!stopped.content[0].text.includes("tent"));
});

test("texts, blocks and the system's part make the same chat", async () => {
  const tokens = async (body) => (await client.messages.countTokens({ model: "starter", ...body })).input_tokens;
  const text = await tokens({ messages, system: "Be brief." });
  const blocks = await tokens({
    messages: [{ role: "user", content: [{ type: "text", text: messages[0].content }] }],
    system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
  });
  assert.equal(text, blocks);
  assert.ok(text > (await tokens({ messages })));
  const used = (await answer({ system: "Be brief." })).usage;
  assert.equal(used.input_tokens + used.cache_read_input_tokens, text);
});

test("an answer goes on from the assistant's last message", async () => {
  const whole = (await answer()).content[0].text;
  const [first, ...rest] = whole.split(" ");
  const more = await answer({ messages: [...messages, { role: "assistant", content: first }] });
  assert.equal(more.content[0].text.trim(), rest.join(" "));
});

test("a conversation with tools is taken", async () => {
  const got = await answer({
    tools: [{ name: "stock", description: "How many there are", input_schema: { type: "object", properties: {} } }],
    messages: [
      ...messages,
      { role: "assistant", content: [{ type: "thinking", thinking: "Ask.", signature: "" },
                                     { type: "text", text: "Let me see." },
                                     { type: "tool_use", id: "toolu_1", name: "stock", input: { what: "tent" } }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: [{ type: "text", text: "7" }] },
                                { type: "text", text: "Well?" }] },
    ],
  });
  assert.ok(got.usage.output_tokens > 0);
});

test("a tool that has to be called is called, streamed as whole", async () => {
  const input_schema = {
    type: "object", additionalProperties: false, required: ["item", "n"],
    properties: { item: { enum: ["tent", "stove"] }, n: { type: "integer", minimum: 0, maximum: 9 } },
  };
  const tools = [{ name: "stock", input_schema }, { name: "other", input_schema: { type: "object" } }];
  for (const tool_choice of [{ type: "tool", name: "stock" }, { type: "any", disable_parallel_tool_use: true }]) {
    const more = { tools: tools.slice(0, tool_choice.name ? 2 : 1), tool_choice, seed: 5, max_tokens: 200 };
    const whole = await answer(more);
    assert.equal(whole.stop_reason, "tool_use");
    assert.equal(whole.content.length, 1);
    const [use] = whole.content;
    assert.equal(use.type, "tool_use");
    assert.equal(use.name, "stock");
    assert.match(use.id, /^toolu_[0-9A-Za-z]{24}$/);
    assert.ok(["tent", "stove"].includes(use.input.item) && Number.isInteger(use.input.n));
    const streamed = await client.messages.stream({ ...ask, messages, ...more }).finalMessage();
    assert.deepEqual(plain(streamed), plain(whole));
  }
});

test("errors have the API's form", async () => {
  const refused = async (body, status, type, text) => {
    const error = await client.messages.create({ ...ask, messages, ...body }).then(() => null, (e) => e);
    assert.ok(error instanceof Anthropic.APIError, JSON.stringify(body));
    assert.equal(error.status, status);
    assert.equal(error.error.type, "error");
    assert.equal(error.error.error.type, type);
    assert.match(error.error.error.message, text);
    assert.match(error.requestID, /^req_/);
  };
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "" } };
  await refused({ model: "other" }, 404, "not_found_error", /other/);
  await refused({ max_tokens: undefined }, 400, "invalid_request_error", /max_tokens/);
  await refused({ messages: [] }, 400, "invalid_request_error", /messages/);
  await refused({ messages: [{ role: "user", content: [image] }] }, 400, "invalid_request_error", /text only/);
  await refused({ messages: [{ role: "system", content: "x" }] }, 400, "invalid_request_error", /role/);
  await refused({ tools: [{ type: "web_search_20250305", name: "w" }] }, 400, "invalid_request_error", /web_search/);
  await refused({ tool_choice: { type: "some" } }, 400, "invalid_request_error", /tool_choice/);
  await refused({ thinking: { type: "maybe" } }, 400, "invalid_request_error", /thinking/);
});
