"""The conversations every chat template is rendered with."""

import itertools

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather at a place, \"now\" or <later> & 'so'.",
            "parameters": {
                "type": "object",
                "properties": {
                    "location": {"type": "string", "description": "City, e.g. 서울"},
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": None},
                    "days": {"type": ["integer", "null"], "minimum": 0.5, "nullable": True},
                    "where": {
                        "type": "object",
                        "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}},
                        "required": ["lat"],
                    },
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["location"],
            },
            "return": {"type": "string"},
        },
    },
    {
        "type": "function",
        "function": {
            "name": "stop",
            "description": "No arguments.\nTwo lines.",
            "parameters": {"type": "object", "properties": {}},
        },
    },
]

DOCUMENTS = [{"title": "Ondol", "text": "A warm floor."}, {"title": "Häuser", "text": "  Zwei\n"}]

SYSTEM = {"role": "system", "content": "You are terse.\n"}
ODD = "  \t한국어 — émoji 👩‍💻 \u00a0<|im_end|> {{ not }} {% a %} \\n \"q\" 'q' \u3000\n\n"


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **extra):
    return {"role": "assistant", "content": content, **extra}


def call(name, arguments, call_id="abcdef123"):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(content, **extra):
    return {"role": "tool", "content": content, **extra}


def parts(*texts):
    return [{"type": "text", "text": text} for text in texts]


WEATHER = call("get_weather", {"location": "서울", "days": 2, "unit": None, "deep": {"a": [1, 2.5]}})

TURNS = {
    "one": [user("Hello?")],
    "several": [user("Hello?"), assistant("Hi. "), user("  And now?\n"), assistant(""), user("Bye")],
    "ends with assistant": [user("Say it"), assistant("I say")],
    "odd": [user(ODD), assistant(ODD), user("\n")],
    "empty content": [user("")],
    "none content": [user("a"), assistant(None), user("b")],
    "parts": [user(parts("One ", " two")), assistant(parts("three")), user(parts())],
    "image": [user([{"type": "image"}, {"type": "text", "text": "What?"}])],
    "thoughts": [
        user("2+2"),
        assistant("<think>\nfour?\n</think>\n\n4"),
        user("3+3"),
        assistant("6", reasoning_content="\nsix\n", thinking="six"),
        user("more"),
    ],
    "thoughts, last": [user("2+2"), assistant("4", reasoning_content="so")],
    "tool call": [
        user("Weather?"),
        assistant(None, tool_calls=[WEATHER]),
        tool("{\"sky\": \"clear\"}", name="get_weather", tool_call_id="abcdef123"),
    ],
    "tool call and text": [
        user("Weather?"),
        assistant("Let me look.", tool_calls=[WEATHER]),
        tool("clear", name="get_weather", tool_call_id="abcdef123"),
        assistant("Clear."),
        user("Thanks"),
    ],
    "tool call, empty content": [
        user("Weather?"),
        assistant("", tool_calls=[WEATHER]),
        tool("clear", name="get_weather", tool_call_id="abcdef123"),
        assistant("Clear."),
    ],
    "two tool calls": [
        user("Weather twice?"),
        assistant("", tool_calls=[WEATHER, call("stop", {}, "123abcdef")]),
        tool("clear", name="get_weather", tool_call_id="abcdef123"),
        tool("stopped", name="stop", tool_call_id="123abcdef"),
        assistant("Done."),
        user("And?"),
    ],
    "arguments as text": [
        user("Weather?"),
        assistant("", tool_calls=[call("get_weather", "{\"location\": \"Jeju\"}")]),
        tool({"sky": "clear"}, name="get_weather", tool_call_id="abcdef123"),
    ],
    "bare call": [
        user("Weather?"),
        assistant("", tool_calls=[{"name": "get_weather", "arguments": {"location": "x"}}]),
        tool(parts("clear"), name="get_weather"),
    ],
    "wrong order": [assistant("Hi"), user("Hello?")],
    "two users": [user("Hello?"), user("Hello??")],
    "unknown role": [user("Hello?"), {"role": "critic", "content": "no"}],
    "no content": [{"role": "user"}],
    "none": [],
}

SYSTEMS = {
    "": [],
    "system, ": [SYSTEM],
    "system in parts, ": [{"role": "system", "content": parts("Be ", "brief.")}],
    "developer, ": [{"role": "developer", "content": "Be brief."}],
}

SETTINGS = {
    "prompt": {"add_generation_prompt": True},
    "no prompt": {"add_generation_prompt": False},
    "tools": {"tools": TOOLS},
    "tools, no prompt": {"tools": TOOLS, "add_generation_prompt": False},
    "no tools": {"tools": []},
    "thinking": {"enable_thinking": True, "thinking": True, "reasoning_effort": "high"},
    "no thinking": {"enable_thinking": False, "thinking": False, "reasoning_effort": "low"},
    "tools in user": {"tools": TOOLS, "tools_in_user_message": False, "date_string": "26 Jul 2024"},
    "builtin tools": {
        "builtin_tools": ["wolfram_alpha", "code_interpreter", "python"],
        "tools": TOOLS,
        "model_identity": "You are a test.",
    },
    "documents": {"documents": DOCUMENTS, "available_tools": TOOLS, "controls": {"length": "short"}},
}


def all_cases():
    for (s, system), (t, turns), (v, variables) in itertools.product(
        SYSTEMS.items(), TURNS.items(), SETTINGS.items()
    ):
        yield f"{s}{t}, {v}", system + turns, variables
