// The official OpenAI client against a server of the starter model.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const url = process.env.HENCE_URL;
const client = new OpenAI({ baseURL: url + "/v1", apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "Write a subject line for a waterproof tent." }];
const chat = (more) => client.chat.completions.create({ model: "starter", messages, temperature: 0, ...more });

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

test("models are listed and told", async () => {
  const list = await client.models.list();
  assert.deepEqual(list.data.map((m) => m.id), ["starter"]);
  const model = await client.models.retrieve("starter");
  assert.equal(model.object, "model");
  await assert.rejects(client.models.retrieve("other"), { status: 404, code: "model_not_found" });
});

test("a chat is answered, twice the same", async () => {
  const a = await chat({ max_completion_tokens: 20 });
  const b = await chat({ max_completion_tokens: 20 });
  assert.equal(a.object, "chat.completion");
  assert.match(a.id, /^chatcmpl-/);
  assert.equal(a.choices[0].message.role, "assistant");
  assert.ok(a.choices[0].message.content.length > 10);
  assert.equal(a.choices[0].message.content, b.choices[0].message.content);
  assert.equal(a.usage.total_tokens, a.usage.prompt_tokens + a.usage.completion_tokens);
  assert.ok(a.usage.completion_tokens <= 20);
  assert.ok(a.hence.seconds.total >= a.hence.seconds.decode);
});

test("a stream adds up to the answer", async () => {
  for (const more of [{}, { n: 3, temperature: 1, seed: 5 }, { stop: ["e", "tent"] }, { max_tokens: 1 }]) {
    const whole = await chat({ max_completion_tokens: 24, ...more });
    const chunks = await collect(await chat({ max_completion_tokens: 24, ...more, stream: true }));
    const texts = [], reasons = [];
    for (const chunk of chunks)
      for (const choice of chunk.choices) {
        texts[choice.index] = (texts[choice.index] ?? "") + (choice.delta.content ?? "");
        if (choice.finish_reason) reasons[choice.index] = choice.finish_reason;
        assert.equal(chunk.object, "chat.completion.chunk");
        assert.equal(chunk.id, chunks[0].id);
      }
    assert.deepEqual(texts, whole.choices.map((c) => c.message.content), JSON.stringify(more));
    assert.deepEqual(reasons, whole.choices.map((c) => c.finish_reason));
    assert.equal(chunks[0].choices[0].delta.role, "assistant");
  }
});

test("usage comes last, and only where it is wanted", async () => {
  const with_usage = await collect(await chat({ max_tokens: 5, stream: true, stream_options: { include_usage: true } }));
  const last = with_usage.pop();
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.completion_tokens, 5);
  assert.ok(with_usage.every((chunk) => chunk.usage === null));
  const without = await collect(await chat({ max_tokens: 5, stream: true }));
  assert.ok(without.every((chunk) => !("usage" in chunk)));
  await assert.rejects(chat({ stream_options: { include_usage: true } }), { status: 400, param: "stream_options" });
});

test("the client's own stream helper understands the events", async () => {
  const stream = client.chat.completions.stream({ model: "starter", messages, temperature: 0, max_tokens: 12 });
  const final = await stream.finalChatCompletion();
  const whole = await chat({ max_tokens: 12 });
  assert.equal(final.choices[0].message.content, whole.choices[0].message.content);
});

test("n answers differ by their seeds, and each is the answer of its seed", async () => {
  const warm = { temperature: 1.2, max_tokens: 16 };
  const three = await chat({ ...warm, n: 3, seed: 40 });
  assert.deepEqual(three.choices.map((c) => c.index), [0, 1, 2]);
  for (const [i, choice] of three.choices.entries()) {
    const one = await chat({ ...warm, seed: 40 + i });
    assert.equal(one.choices[0].message.content, choice.message.content);
  }
  assert.equal(new Set(three.choices.map((c) => c.message.content)).size, 3);
});

test("stop texts end an answer and are not shown", async () => {
  const whole = await chat({ max_tokens: 24 });
  const text = whole.choices[0].message.content;
  const stop = text.slice(6, 9);
  const cut = await chat({ max_tokens: 24, stop });
  assert.equal(cut.choices[0].message.content, text.slice(0, text.indexOf(stop)));
  assert.equal(cut.choices[0].finish_reason, "stop");
});

test("log-probabilities belong to the text", async () => {
  const more = { max_tokens: 8, logprobs: true, top_logprobs: 3 };
  const whole = await chat(more);
  const tokens = whole.choices[0].logprobs.content;
  assert.equal(tokens.length, 8);
  assert.equal(Buffer.concat(tokens.map((t) => Buffer.from(t.bytes))).toString(), whole.choices[0].message.content);
  for (const t of tokens) {
    assert.equal(t.top_logprobs.length, 3);
    assert.equal(t.top_logprobs[0].token, t.token); // temperature 0
    assert.ok(t.logprob <= 0 && t.top_logprobs[0].logprob >= t.top_logprobs[1].logprob);
  }
  const chunks = await collect(await chat({ ...more, stream: true }));
  assert.deepEqual(chunks.flatMap((c) => c.choices[0].logprobs?.content ?? []), tokens);
  assert.equal((await chat({ max_tokens: 2 })).choices[0].logprobs, null);
  await assert.rejects(chat({ top_logprobs: 2 }), { status: 400, param: "top_logprobs" });
});

test("logit_bias and penalties reach the sampler", async () => {
  const plain = await chat({ max_tokens: 1, logprobs: true });
  const ids = await (await fetch(url + "/tokenize", {
    method: "POST", body: JSON.stringify({ content: plain.choices[0].message.content }) })).json();
  const banned = await chat({ max_tokens: 1, logit_bias: { [ids.tokens[0]]: -100 } });
  assert.notEqual(banned.choices[0].message.content, plain.choices[0].message.content);
  await assert.rejects(chat({ logit_bias: { no: 1 } }), { status: 400, param: "logit_bias" });
  await assert.rejects(chat({ logit_bias: { 1: 101 } }), { status: 400, param: "logit_bias" });
  await chat({ max_tokens: 4, frequency_penalty: 2, presence_penalty: -2, top_k: 5, min_p: 0.1, repeat_penalty: 1.1 });
});

test("contents may be parts of text, and roles are checked", async () => {
  const parts = [{ role: "developer", content: "Be brief." },
    { role: "user", content: [{ type: "text", text: "Write a subject line " }, { type: "text", text: "for a waterproof tent." }] }];
  const plain = [{ role: "system", content: "Be brief." }, messages[0]];
  const a = await chat({ messages: parts, max_tokens: 8 }), b = await chat({ messages: plain, max_tokens: 8 });
  assert.equal(a.choices[0].message.content, b.choices[0].message.content);
  const image = [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:," } }] }];
  await assert.rejects(chat({ messages: image }), { status: 400, param: "messages[0].content[0]", code: "unsupported_value" });
  await assert.rejects(chat({ messages: [{ role: "judge", content: "" }] }), { status: 400, param: "messages[0].role" });
  await assert.rejects(chat({ messages: [] }), { status: 400, param: "messages", code: "empty_array" });
});

test("errors are OpenAI's", async () => {
  const wrong = [
    [{ model: "gpt-4o" }, 404, "model", "model_not_found"],
    [{ temperature: 3 }, 400, "temperature", "decimal_above_max_value"],
    [{ temperature: "hot" }, 400, "temperature", "invalid_type"],
    [{ top_p: -1 }, 400, "top_p", "decimal_below_min_value"],
    [{ n: 0 }, 400, "n", "integer_below_min_value"],
    [{ n: 1.5 }, 400, "n", "invalid_type"],
    [{ max_tokens: 0 }, 400, "max_tokens", "integer_below_min_value"],
    [{ stop: Array(17).fill("a") }, 400, "stop", "array_above_max_length"],
    [{ store: true }, 400, "store", "unsupported_parameter"],
    [{ modalities: ["text", "audio"] }, 400, "modalities", "unsupported_parameter"],
    [{ colour: "red" }, 400, "colour", "unrecognized_argument"],
    [{ logit_bias: { 99999999: 1 } }, 400, "logit_bias", "invalid_value"],
    [{ logit_bias: { " 1": 1 } }, 400, "logit_bias", "invalid_value"],
    [{ tool_choice: "auto" }, 400, "tool_choice", "invalid_value"],
    [{ tools: [{ type: "function", function: { name: "a b" } }] }, 400, "tools[0].function.name", "invalid_value"],
    [{ messages: [{ role: "user", content: "long ".repeat(3000) }] }, 400, null, "context_length_exceeded"],
  ];
  for (const [more, status, param, code] of wrong)
    await assert.rejects(chat(more), (e) => {
      assert.equal(e.status, status, JSON.stringify(more).slice(0, 80) + " " + e.message);
      assert.equal(e.param, param);
      assert.equal(e.code, code);
      assert.equal(e.type, "invalid_request_error");
      assert.ok(e.error.message.length > 10 && e.requestID.startsWith("req_"));
      return true;
    });
});

test("what asks for nothing is taken", async () => {
  await chat({ max_tokens: 1, store: false, modalities: ["text"], user: "me", metadata: { a: "b" }, response_format: { type: "text" },
    seed: null, stop: null, tools: [], parallel_tool_calls: true, service_tier: "auto", reasoning_effort: "low" });
});

test("service_tier says what was used", async () => {
  assert.equal((await chat({ max_tokens: 1 })).service_tier, "default");
  assert.equal((await chat({ max_tokens: 1, service_tier: "priority" })).service_tier, "default");
  const flex = await chat({ max_tokens: 1, service_tier: "flex" });
  assert.equal(flex.service_tier, "flex");
  assert.equal(flex.hence.class, "batch");
  assert.ok(flex.hence.seconds.core > 0);
  const text = await client.completions.create({ model: "starter", prompt: "a", max_tokens: 1, service_tier: "flex" });
  assert.equal(text.service_tier, "flex");
});

const complete = (more) => client.completions.create({ model: "starter", prompt: "The tent", temperature: 0, ...more });

test("completions go on from texts and from tokens", async () => {
  const whole = await complete({ max_tokens: 8 });
  assert.equal(whole.object, "text_completion");
  const { tokens } = await (await fetch(url + "/tokenize", {
    method: "POST", body: JSON.stringify({ content: "The tent", add_special: true }) })).json();
  assert.equal((await complete({ max_tokens: 8, prompt: tokens })).choices[0].text, whole.choices[0].text);
  assert.equal((await complete({ max_tokens: 8, prompt: [tokens] })).choices[0].text, whole.choices[0].text);
  const two = await complete({ max_tokens: 8, prompt: ["The tent", "A lamp"], n: 2 });
  assert.deepEqual(two.choices.map((c) => c.index), [0, 1, 2, 3]);
  assert.equal(two.choices[1].text, whole.choices[0].text);
  const chunks = await collect(await complete({ max_tokens: 8, stream: true }));
  assert.equal(chunks.map((c) => c.choices[0].text).join(""), whole.choices[0].text);
  assert.equal(chunks.at(-1).choices[0].finish_reason, whole.choices[0].finish_reason);
});

test("completions: echo, logprobs, and what is refused", async () => {
  const echo = await complete({ max_tokens: 4, echo: true });
  assert.ok(echo.choices[0].text.startsWith("The tent"));
  const chunks = await collect(await complete({ max_tokens: 4, echo: true, stream: true }));
  assert.equal(chunks.map((c) => c.choices[0].text).join(""), echo.choices[0].text);
  assert.equal((await complete({ max_tokens: 0, echo: true })).choices[0].text, "The tent");
  const { logprobs, text } = (await complete({ max_tokens: 3, logprobs: 2 })).choices[0];
  assert.equal(logprobs.tokens.join(""), text);
  assert.equal(logprobs.token_logprobs.length, 3);
  assert.equal(logprobs.text_offset[1], logprobs.tokens[0].length);
  assert.equal(Object.keys(logprobs.top_logprobs[0]).length, 2);
  // The prompt's own: those that the same texts have as answers.
  const both = (await complete({ prompt: "The tent is", max_tokens: 2, logprobs: 2, echo: true })).choices[0];
  assert.equal(both.logprobs.tokens.join(""), both.text);
  assert.equal(both.logprobs.token_logprobs[0], null);
  const ids = (await (await fetch(url + "/tokenize", { method: "POST", body: JSON.stringify({ content: "The tent is", add_special: true }) })).json()).tokens;
  for (let i = 1; i < ids.length; i++) {
    const one = (await complete({ prompt: [ids.slice(0, i)], max_tokens: 1, logprobs: 2, logit_bias: { [ids[i]]: 100 } })).choices[0].logprobs;
    assert.equal(both.logprobs.tokens[i], one.tokens[0]);
    assert.ok(Math.abs(both.logprobs.token_logprobs[i] - one.token_logprobs[0]) < 1e-5);
    assert.deepEqual(Object.keys(both.logprobs.top_logprobs[i]), Object.keys(one.top_logprobs[0]));
  }
  const pieces = await collect(await complete({ prompt: "The tent is", max_tokens: 2, logprobs: 2, echo: true, stream: true }));
  assert.deepEqual(pieces.flatMap((c) => c.choices[0].logprobs.token_logprobs), both.logprobs.token_logprobs);
  await assert.rejects(complete({ suffix: "!" }), { status: 400, param: "suffix", code: "unsupported_parameter" });
  await assert.rejects(complete({ best_of: 2 }), { status: 400, param: "best_of" });
  await assert.rejects(complete({ prompt: [] }), { status: 400, param: "prompt" });
  await assert.rejects(complete({ prompt: [1e9] }), { status: 400, param: "prompt" });
});

const weather = { type: "function", function: { name: "weather", description: "The weather of a place.",
  parameters: { type: "object", properties: { place: { $ref: "#/$defs/place" }, days: { type: "integer", minimum: 1, maximum: 9 } },
    required: ["place", "days"], additionalProperties: false, $defs: { place: { type: "string", enum: ["Oslo", "Rome"] } } } } };
const clock = { type: "function", function: { name: "clock", parameters: { type: "object", properties: {}, additionalProperties: false } } };

test("a tool that has to be called is called, streamed or not", async () => {
  let whole = 0;
  for (const tool_choice of ["required", { type: "function", function: { name: "weather" } }])
    for (let seed = 0; seed < 4; seed++) {
      const more = { tools: [clock, weather], tool_choice, parallel_tool_calls: false, temperature: 1.5, seed, max_tokens: 400 };
      const { message, finish_reason } = (await chat(more)).choices[0];
      if (finish_reason === "length") continue; // blanks fill the small context
      whole++;
      assert.equal(finish_reason, "tool_calls");
      assert.equal(message.content, null);
      assert.equal(message.tool_calls.length, 1);
      const call = message.tool_calls[0];
      assert.match(call.id, /^call_\w{24}$/);
      assert.ok(["clock", "weather"].includes(call.function.name));
      if (tool_choice !== "required") assert.equal(call.function.name, "weather");
      const args = JSON.parse(call.function.arguments);
      if (call.function.name === "weather") {
        assert.ok(["Oslo", "Rome"].includes(args.place) && args.days >= 1 && args.days <= 9, call.function.arguments);
        assert.equal(Object.keys(args).length, 2);
      }
      const chunks = await collect(await chat({ ...more, stream: true }));
      const deltas = chunks.flatMap((c) => c.choices[0].delta.tool_calls ?? []);
      assert.equal(deltas[0].id, call.id);
      assert.equal(deltas[0].function.name, call.function.name);
      assert.equal(deltas.map((d) => d.function.arguments).join(""), call.function.arguments);
      assert.equal(chunks.map((c) => c.choices[0].delta.content ?? "").join(""), "");
      assert.equal(chunks.at(-1).choices[0].finish_reason, "tool_calls");
    }
  assert.ok(whole >= 4, `${whole} whole calls`);
  await assert.rejects(chat({ tools: [weather], tool_choice: { type: "function", function: { name: "other" } } }), { status: 400, param: "tool_choice" });
});

test("several tools may have to be called, and each call is whole", async () => {
  let most = 0;
  for (let seed = 0; seed < 12; seed++) {
    const more = { tools: [clock, weather], tool_choice: "required", temperature: 1.5, seed, max_tokens: 300 };
    const { message, finish_reason } = (await chat(more)).choices[0];
    const calls = message.tool_calls;
    most = Math.max(most, calls.length);
    assert.equal(message.content, null);
    assert.equal(new Set(calls.map((c) => c.id)).size, calls.length);
    const whole = finish_reason === "tool_calls" ? calls : calls.slice(0, -1);
    for (const c of whole.filter((c) => c.function.name === "weather"))
      assert.ok(["Oslo", "Rome"].includes(JSON.parse(c.function.arguments).place), c.function.arguments);
    const deltas = (await collect(await chat({ ...more, stream: true }))).flatMap((c) => c.choices[0].delta.tool_calls ?? []);
    for (const [i, call] of calls.entries())
      assert.equal(deltas.filter((d) => d.index === i).map((d) => d.function.arguments).join(""), call.function.arguments);
  }
  assert.ok(most > 1, `${most} calls at most`);
});

test("a tool's schema that cannot be kept", async () => {
  const tool = (strict) => ({ type: "function", function: { name: "odd", strict, parameters: { type: "object", properties: { a: { not: {} } } } } });
  for (const tool_choice of ["required", { type: "function", function: { name: "odd" } }]) {
    await assert.rejects(chat({ tools: [clock, tool(true)], tool_choice }),
      (e) => e.status === 400 && e.param === "tools[1].function.parameters" && e.message.includes("#/properties/a"));
    const free = await chat({ tools: [tool(false)], tool_choice: "required", parallel_tool_calls: false, seed: 1, max_tokens: 300 });
    assert.equal(free.choices[0].message.tool_calls[0].function.name, "odd");
  }
});

test("an exchange with tools goes on", async () => {
  const more = { tools: [weather, clock], max_tokens: 8 };
  const assistant = { role: "assistant", content: null, tool_calls: [
    { id: "call_1", type: "function", function: { name: "weather", arguments: '{"place": "Oslo", "days": 2}' } }] };
  const answer = await chat({ ...more, messages: [...messages, assistant, { role: "tool", tool_call_id: "call_1", content: "Rain." }] });
  assert.ok(answer.usage.prompt_tokens > 50);
  const none = await chat({ ...more, tool_choice: "none" });
  assert.equal(none.choices[0].message.content, (await chat({ max_tokens: 8 })).choices[0].message.content);
});

test("an answer keeps to its response_format", async () => {
  const schema = { type: "object", properties: { title: { type: "string", maxLength: 20 }, score: { type: "number", minimum: 0, maximum: 1 },
    tags: { type: "array", items: { enum: ["tent", "lamp"] }, maxItems: 2 } }, required: ["title", "score", "tags"], additionalProperties: false };
  const response_format = { type: "json_schema", json_schema: { name: "subject", schema, strict: true } };
  for (let seed = 0; seed < 5; seed++) {
    const { message } = (await chat({ response_format, temperature: 1.3, seed, max_tokens: 300 })).choices[0];
    const value = JSON.parse(message.content);
    assert.deepEqual(Object.keys(value).sort(), ["score", "tags", "title"]);
    assert.ok(value.title.length <= 20 && value.score >= 0 && value.score <= 1 && value.tags.length <= 2);
  }
  const free = (await chat({ response_format: { type: "json_object" }, max_tokens: 120, temperature: 1 })).choices[0];
  if (free.finish_reason === "stop") assert.equal(typeof JSON.parse(free.message.content), "object");
  const refused = (format, param) => assert.rejects(chat({ response_format: format }), { status: 400, param });
  await refused({ type: "xml" }, "response_format.type");
  await refused({ type: "json_schema" }, "response_format.json_schema.schema");
  await refused({ type: "json_schema", json_schema: { name: "a", schema: { type: "string", pattern: "(?=a)b" } } }, "response_format");
  await refused({ type: "json_schema", json_schema: { name: "a", schema: { type: "object", unheardOf: 1 } } }, "response_format");
  await assert.rejects(chat({ response_format, regex: "a" }), { status: 400, param: "response_format" });
});

test("answers follow grammars and regular expressions", async () => {
  const yes = await chat({ grammar: 'root ::= ("yes" | "no") "!"', max_tokens: 9 });
  assert.match(yes.choices[0].message.content, /^(yes|no)!$/);
  assert.match((await complete({ regex: "[0-9]{3}-[0-9]{2}", max_tokens: 20 })).choices[0].text, /^[0-9]{3}-[0-9]{2}$/);
  await assert.rejects(chat({ grammar: "root ::= (" }), { status: 400, param: "grammar" });
  await assert.rejects(complete({ regex: "(?=a)" }), { status: 400, param: "regex" });
});

test("a client that leaves is noticed, streaming or not", async () => {
  const running = async () => (await (await fetch(url + "/slots")).json()).length;
  const until = async (n) => {
    for (let i = 0; i < 1000 && (await running()) !== n; i++) await new Promise((go) => setTimeout(go, 5));
    assert.equal(await running(), n);
  };
  await until(0);
  for (const stream of [true, false]) {
    const abort = new AbortController();
    // Longer than the context allows to be quick: 16 answers, each to the end of it.
    const asked = client.chat.completions.create({ model: "starter", messages, n: 128, ignore_eos: true, stream }, { signal: abort.signal });
    const ended = asked.then((s) => (stream ? collect(s) : s)).catch(() => "gone");
    await until(128);
    abort.abort();
    await ended;
    await until(0);
  }
});
