// The Responses API of the official OpenAI client against a server of the starter model.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const url = process.env.HENCE_URL;
const client = new OpenAI({ baseURL: url + "/v1", apiKey: "none", maxRetries: 0 });
const input = "Write a subject line for a waterproof tent.";
const ask = { model: "starter", input, temperature: 0, max_output_tokens: 24 };
const respond = (more) => client.responses.create({ ...ask, ...more });

// Everything but ids, times and what the server took.
const plain = ({ status, output, usage, incomplete_details }) => ({
  status, incomplete_details, tokens: usage.output_tokens,
  output: output.map(({ id, ...item }) => ({ ...item, content: item.content?.map((part) => part.text) })),
});

test("a text is answered, twice the same", async () => {
  const a = await respond();
  assert.match(a.id, /^resp_/);
  assert.equal(a.object, "response");
  assert.equal(a.status, "completed");
  assert.equal(a.output.length, 1);
  assert.equal(a.output[0].role, "assistant");
  assert.ok(a.output_text.length > 10);
  assert.equal(a.store, false);
  assert.equal(a.usage.total_tokens, a.usage.input_tokens + a.usage.output_tokens);
  assert.deepEqual(plain(await respond()), plain(a));
});

test("it is the answer that a chat gives", async () => {
  const chat = await client.chat.completions.create({
    model: "starter", temperature: 0, max_completion_tokens: 24,
    messages: [{ role: "system", content: "Be brief." }, { role: "user", content: input }],
  });
  assert.equal((await respond({ instructions: "Be brief." })).output_text, chat.choices[0].message.content);
  const items = [{ role: "developer", content: "Be brief." },
                 { type: "message", role: "user", content: [{ type: "input_text", text: input }] }];
  assert.equal((await respond({ input: items })).output_text, chat.choices[0].message.content);
});

test("a stream adds up to the response, and its events are in order", async () => {
  for (const more of [{}, { max_output_tokens: 1 }, { temperature: 1, seed: 5 }]) {
    const whole = await respond(more);
    const events = [];
    let text = "";
    for await (const event of await respond({ ...more, stream: true })) {
      assert.equal(event.sequence_number, events.length);
      events.push(event.type);
      if (event.type === "response.output_text.delta") text += event.delta;
      if (event.type === "response.output_text.done") assert.equal(event.text, text);
      if (event.response && event.type !== "response.created" && event.type !== "response.in_progress")
        assert.deepEqual(plain(event.response), plain(whole), JSON.stringify(more));
    }
    assert.equal(text, whole.output_text);
    assert.deepEqual(events.slice(0, 4), ["response.created", "response.in_progress",
                                          "response.output_item.added", "response.content_part.added"]);
    assert.deepEqual(events.slice(-4), ["response.output_text.done", "response.content_part.done",
                                        "response.output_item.done", `response.${whole.status}`]);
  }
});

test("the client's own stream helper understands the events", async () => {
  const stream = client.responses.stream(ask);
  const final = await stream.finalResponse();
  assert.equal(final.output_text, (await respond()).output_text);
});

test("a cut response says so", async () => {
  const cut = await respond({ max_output_tokens: 2 });
  assert.equal(cut.status, "incomplete");
  assert.equal(cut.incomplete_details.reason, "max_output_tokens");
});

test("a conversation with tools is taken", async () => {
  const got = await respond({
    tools: [{ type: "function", name: "stock", parameters: { type: "object", properties: {} }, strict: false }],
    input: [
      { role: "user", content: input },
      { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "Ask." }] },
      { role: "assistant", content: "Let me see." },
      { type: "function_call", call_id: "call_1", name: "stock", arguments: '{"what": "tent"}' },
      { type: "function_call_output", call_id: "call_1", output: "7" },
    ],
  });
  assert.ok(got.usage.output_tokens > 0);
  assert.equal(got.tools[0].name, "stock");
});

test("a tool that has to be called is called, streamed as whole", async () => {
  const parameters = {
    type: "object", additionalProperties: false, required: ["item", "n"],
    properties: { item: { enum: ["tent", "stove"] }, n: { type: "integer", minimum: 0, maximum: 9 } },
  };
  const more = {
    tools: [{ type: "function", name: "stock", parameters, strict: true }],
    tool_choice: { type: "function", name: "stock" }, seed: 5, max_output_tokens: 200,
  };
  const whole = await respond(more);
  assert.equal(whole.status, "completed");
  const [call] = whole.output;
  assert.equal(call.type, "function_call");
  assert.equal(call.name, "stock");
  assert.match(call.call_id, /^call_[0-9A-Za-z]{24}$/);
  assert.ok(["tent", "stove"].includes(JSON.parse(call.arguments).item));
  let text = "";
  for await (const event of await respond({ ...more, stream: true })) {
    if (event.type === "response.function_call_arguments.delta") text += event.delta;
    if (event.type === "response.function_call_arguments.done") assert.equal(event.arguments, text);
    if (event.type === "response.completed") assert.deepEqual(plain(event.response), plain(whole));
  }
  assert.equal(text, call.arguments);
});

test("text is held to a schema", async () => {
  const schema = { type: "object", additionalProperties: false, required: ["ok"], properties: { ok: { type: "boolean" } } };
  const got = await respond({ max_output_tokens: 200, text: { format: { type: "json_schema", name: "it", schema, strict: true } } });
  assert.equal(typeof JSON.parse(got.output_text).ok, "boolean");
});

test("what is not supported is refused by name", async () => {
  const refused = (more, param) => assert.rejects(respond(more), (error) => {
    assert.equal(error.status, 400, JSON.stringify(more));
    assert.equal(error.param, param);
    return true;
  });
  await refused({ previous_response_id: "resp_1" }, "previous_response_id");
  await refused({ store: true }, "store");
  await refused({ background: true }, "background");
  await refused({ input: [{ type: "item_reference", id: "x" }] }, "input[0]");
  await refused({ input: [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }] },
                "input[0].content[0]");
  await refused({ input: [{ type: "function_call", name: "f", arguments: "{}" }] }, "input[0].call_id");
  await refused({ tools: [{ type: "web_search" }] }, "tools[0].type");
  await refused({ input: 7 }, "input");
  await refused({ input: [{ role: "user" }] }, "input[0].content");
  await assert.rejects(respond({ model: "other" }), { status: 404 });
});
