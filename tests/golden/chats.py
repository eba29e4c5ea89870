"""Conversations to render: what a chat template may be given, named."""

import itertools

SYSTEM = {"role": "system", "content": "You are a guide in a shop for tents & <stoves>.\nBe brief."}
ASK = {"role": "user", "content": "  What's the \"weather\" in Zürich, 東京 or São Paulo? 🙂\n"}
SAY = {"role": "assistant", "content": "Sunny, I'd say.\n\nTake a hat."}
MORE = {"role": "user", "content": "And tomorrow?"}
THOUGHT = {"role": "assistant", "content": "<think>\nIt is July.\n</think>\n\nSunny."}
REASONED = {"role": "assistant", "content": "Sunny.", "reasoning_content": "It is July.\nSo..."}
THINKING = {"role": "assistant", "content": "Sunny.", "thinking": "It is July."}

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a place's day, in °C",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "The place, \"City, Land\""},
                "days": {"type": "integer", "default": 1, "minimum": 0},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "tags": {"type": "array", "items": {"type": "string"}},
                "near": {"type": ["string", "null"]},
                "exact": {"type": "boolean"},
                "spot": {"type": "object", "properties": {"lat": {"type": "number"},
                                                          "lon": {"type": "number"}}},
            },
            "required": ["place"],
        },
    },
}
CLOCK = {"type": "function",
         "function": {"name": "now", "description": "The time",
                      "parameters": {"type": "object", "properties": {}}}}
BARE = {"name": "search", "description": "Searches", "parameters": {
    "type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}}

CALL = {"id": "call00001", "type": "function",
        "function": {"name": "get_weather",
                     "arguments": {"place": "Zürich", "days": 2, "exact": True, "near": None,
                                   "tags": ["a", "b"], "spot": {"lat": 47.4, "lon": 8.5}}}}
CALL_TEXT = {"id": "call00002", "type": "function",
             "function": {"name": "get_weather", "arguments": "{\"place\": \"Paris\", \"days\": 1}"}}
CALL_NOW = {"id": "call00003", "type": "function", "function": {"name": "now", "arguments": {}}}


def called(*calls, content="", **more):
    return {"role": "assistant", "content": content, "tool_calls": list(calls), **more}


def result(call, content="{\"temp\": 21.5}"):
    return {"role": "tool", "tool_call_id": call["id"], "name": call["function"]["name"],
            "content": content}


def parts(message, *more):
    return {**message, "content": [{"type": "text", "text": message["content"]}, *more]}


IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}

TURNS = {
    "one": [ASK],
    "system": [SYSTEM, ASK],
    "turns": [ASK, SAY, MORE],
    "system_turns": [SYSTEM, ASK, SAY, MORE, SAY],
    "empty_system": [{"role": "system", "content": ""}, ASK],
    "developer": [{"role": "developer", "content": "Speak plainly."}, ASK],
    "late_system": [ASK, SAY, SYSTEM, MORE],
    "two_users": [ASK, MORE],
    "two_assistants": [ASK, SAY, SAY],
    "assistant_first": [SAY, ASK],
    "prefill": [ASK, {"role": "assistant", "content": "It "}],
    "thought": [ASK, THOUGHT, MORE],
    "reasoned": [SYSTEM, ASK, REASONED, MORE],
    "reasoned_last": [ASK, REASONED],
    "thinking": [ASK, THINKING, MORE],
    "call": [ASK, called(CALL)],
    "call_result": [SYSTEM, ASK, called(CALL), result(CALL)],
    "call_text": [ASK, called(CALL_TEXT), result(CALL_TEXT), SAY, MORE],
    "calls": [ASK, called(CALL, CALL_NOW, content="Let me see."), result(CALL), result(CALL_NOW),
              SAY],
    "call_none": [ASK, called(CALL, content=None), result(CALL, "21 °C"), SAY],
    "call_reasoned": [ASK, called(CALL, reasoning_content="I need the weather."), result(CALL),
                      called(CALL_NOW, thinking="And the time."), result(CALL_NOW), REASONED, MORE],
    "call_no_content": [ASK, {"role": "assistant", "tool_calls": [CALL]}, result(CALL)],
    "result_parts": [ASK, called(CALL), parts(result(CALL)), SAY],
    "result_object": [ASK, called(CALL), result(CALL, {"temp": 21.5, "rain": False}), SAY],
    "parts": [parts(SYSTEM), parts(ASK), parts(SAY), parts(MORE, {"type": "text", "text": "!"})],
    "image": [SYSTEM, parts(ASK, IMAGE, {"type": "image"})],
    "other_role": [ASK, {"role": "critic", "content": "Hm."}],
    "ipython": [ASK, called(CALL), {"role": "ipython", "content": "42"}],
    "function_role": [ASK, called(CALL), {"role": "function", "name": "now", "content": "12:00"}],
    "none_content": [{"role": "user", "content": None}],
    "no_content": [{"role": "user"}],
    "number_content": [{"role": "user", "content": 5}],
    "spaces": [{"role": "user", "content": " \n\t a \r\n b \x0b"}, {"role": "assistant", "content": " "},
               MORE],
    "markup": [{"role": "user", "content": "{{ 7*7 }} {% if %} <|im_end|> </s> {# x #} \\ '\""}],
    "nothing": [],
}

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def matrix():
    """(name, variables) of every conversation, with and without tools and generation prompt."""
    tools = {"": {}, "+tools": {"tools": [WEATHER, CLOCK]}, "+bare": {"tools": [BARE]},
             "+none": {"tools": None, "documents": None}, "+empty": {"tools": []}}
    for (name, messages), generate, (mark, more) in itertools.product(
            TURNS.items(), [False, True], tools.items()):
        if mark in ("+bare", "+none", "+empty") and name not in ("one", "system", "call_result"):
            continue
        yield (f"{name}{mark}{'+gen' if generate else ''}",
               {**TOKENS, "messages": messages, "add_generation_prompt": generate, **more})
    yield "no_tokens", {"messages": [SYSTEM, ASK], "add_generation_prompt": True}
    for key, value in [("enable_thinking", True), ("enable_thinking", False), ("thinking", True),
                       ("reasoning_effort", "high"), ("reasoning_effort", "low"),
                       ("add_thoughts", True), ("continue_final_message", True),
                       ("strip_thinking", False), ("preserve_thinking", True),
                       ("tools_in_user_message", False), ("thinking_budget", 512),
                       ("model_identity", "You are hence."), ("builtin_tools", ["browser", "python"]),
                       ("date_string", "1 July 2026"), ("clear_thinking", False),
                       ("chat_template_kwargs", {"enable_thinking": False}),
                       ("custom_tools", [WEATHER]), ("xml_tools", ["def f(): pass"]),
                       ("documents", [{"title": "A", "text": "one", "doc_id": 1},
                                      {"title": "B", "text": "two", "doc_id": "2"}]),
                       ("controls", {"length": "short"}), ("available_tools", [WEATHER]),
                       ("citations", "on"), ("safety_mode", "NONE")]:
        for turns in ("system", "call_reasoned", "system_turns"):
            yield (f"{turns}+{key}={value!r:.20}",
                   {**TOKENS, "messages": TURNS[turns], "add_generation_prompt": True,
                    "tools": [WEATHER], key: value})


CHATS = list(matrix())
