"""Schemas for grammar_oracle.py, keyword by keyword of JSON Schema 2020-12, and
as people write them for models.

CASES: (schema, valid instances, invalid instances). Object members stand in the
order in which the schema declares them, as grammars want them. Instances beyond
these are made by the oracle, by mutation. REFUSED: (schema, a word of the error).
"""

S, I, N, B, Z = ({"type": t} for t in ("string", "integer", "number", "boolean", "null"))


def obj(properties, required=None, **more):
    return {"type": "object", "properties": properties, "required": list(properties) if required is None else required,
            "additionalProperties": False, **more}


def arr(items, **more):
    return {"type": "array", "items": items, **more}


def string(**more):
    return {"type": "string", **more}


TREE = {"$defs": {"node": obj({"value": I, "children": arr({"$ref": "#/$defs/node"})})}, "$ref": "#/$defs/node"}
LIST = {"$defs": {"list": {"anyOf": [Z, obj({"head": S, "tail": {"$ref": "#/$defs/list"}})]}}, "$ref": "#/$defs/list"}
EXPR = {"$defs": {"e": {"anyOf": [N, obj({"op": {"enum": ["+", "-"]}, "l": {"$ref": "#/$defs/e"}, "r": {"$ref": "#/$defs/e"}})]}},
        "type": "object", "properties": {"expr": {"$ref": "#/$defs/e"}}, "required": ["expr"], "additionalProperties": False}
PERSON = obj({"name": S, "age": {"type": "integer", "minimum": 0, "maximum": 150}, "email": string(format="email"),
              "tags": arr(S, maxItems=3), "address": obj({"street": S, "zip": string(pattern="^[0-9]{5}$")})}, ["name", "age"])
SHAPES = {"oneOf": [obj({"kind": {"const": "circle"}, "r": N}), obj({"kind": {"const": "square"}, "side": N}),
                    obj({"kind": {"enum": ["point", "dot"]}})]}
WEATHER = obj({"location": string(description="City and country"), "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
               "days": {"type": ["integer", "null"], "minimum": 1, "maximum": 14}})
STEPS = obj({"steps": arr(obj({"explanation": S, "output": S})), "final_answer": S})
UI = {"$defs": {"ui": obj({"type": {"enum": ["div", "button", "header"]}, "label": S, "children": arr({"$ref": "#/$defs/ui"}),
                           "attributes": arr(obj({"name": S, "value": S}))})}, "$ref": "#/$defs/ui"}

CASES = [
    # any value, types
    (True, [None, True, 0, -1.5, "x", [], {}, [1, [2, {"a": None}]], {"a": {"b": [1]}}, "é日😀\n\t\"\\"], []),
    ({}, [1, "a", [None], {"x": 1}], []),
    (Z, [None], [False, 0, ""]), (B, [True, False], [None, 0, "true"]),
    (I, [0, 7, -12, 123456789], [1.5, "1", None]), (N, [0, 1.5, -2, 1e299, 2.5e-7, 123.456], ["1", None]),
    (S, ["", "abc", "ü €😀", "line\nbreak", "tab\t", "\"quoted\"", "back\\slash", "\u0001"], [1, None, ["a"]]),
    ({"type": "array"}, [[], [1, "a", None]], [{}, "x"]), ({"type": "object"}, [{}, {"a": 1, "b": [2]}], [[], 1]),
    ({"type": ["string", "null"]}, ["a", None], [1, True]), ({"type": ["integer", "string", "boolean"]}, [1, "x", False], [None, 1.5, []]),
    ({"type": ["array", "object"]}, [[], {}], [1, "x"]), ({"type": ["number", "null"]}, [1.25, None], ["x"]),
    # enum and const
    ({"enum": ["a", "b", "abc"]}, ["a", "b", "abc"], ["c", "ab", None]), ({"enum": [1, 2.5, "1", None, True]}, [1, 2.5, "1", None, True], [2, False, "2"]),
    ({"enum": [{"a": 1}, [1, 2], []]}, [{"a": 1}, [1, 2], []], [{}, [1], {"a": 2}]), ({"const": "only"}, ["only"], ["onl", "only "]),
    ({"const": None}, [None], [0, False]), ({"const": {"a": {"b": [1, "x"]}}}, [{"a": {"b": [1, "x"]}}], [{"a": {"b": [1]}}]),
    ({"const": 3.14}, [3.14], [3.1, 3]), ({"type": "string", "enum": ["x", 1, None]}, ["x"], [1, None]),
    ({"type": "integer", "enum": [1, 2, 3, 2.5]}, [1, 2, 3], [2.5, 4]), ({"enum": ["a", "bb", "ccc"], "minLength": 2}, ["bb", "ccc"], ["a"]),
    ({"enum": [1, 5, 10, 15], "minimum": 5, "exclusiveMaximum": 15}, [5, 10], [1, 15]), ({"enum": ["quo\"te", "back\\", "nl\n", "é"]}, ["quo\"te", "back\\", "nl\n", "é"], ["quo"]),
    ({"enum": ["a1", "b2"], "pattern": "^a"}, ["a1"], ["b2"]), ({"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}]}, [2, 3], [1, 4]),
    # string lengths
    (string(minLength=1), ["a", "ab"], [""]), (string(maxLength=3), ["", "abc", "日本語"], ["abcd"]), (string(minLength=2, maxLength=4), ["ab", "abcd", "😀😀"], ["a", "abcde", "😀"]),
    (string(minLength=5, maxLength=5), ["abcde"], ["abcd", "abcdef"]), (string(maxLength=0), [""], ["a"]), (string(minLength=40), ["x" * 40, "y" * 60], ["x" * 39]),
    (string(minLength=10, maxLength=300), ["x" * 10, "y" * 300], ["x" * 9, "x" * 301]), ({"minLength": 2}, ["ab", 1, None, [], {}], ["a"]),
    # patterns
    (string(pattern="^[a-z]+$"), ["abc"], ["", "aB", "1"]), (string(pattern="^\\d{3}-\\d{4}$"), ["555-1234"], ["5551234", "555-12345"]), (string(pattern="foo"), ["foo", "a foo b"], ["fo", "bar"]),
    (string(pattern="^(\\([0-9]{3}\\))?[0-9]{3}-[0-9]{4}$"), ["555-1212", "(888)555-1212"], ["(888)555-1212 ext", "(800)FLOWERS"]), (string(pattern="^a*$"), ["", "aaa"], ["b"]),
    (string(pattern="^(cat|dog)s?$"), ["cat", "dogs"], ["cats!", "cow"]), (string(pattern="\\.json$"), ["a.json", ".json"], ["a.jsonx", "json"]), (string(pattern="^#[0-9a-fA-F]{6}$"), ["#00fF9a"], ["#00ff9", "00ff9a"]),
    (string(pattern="^[^\\s]+$"), ["abc", "a-b"], ["a b", ""]), (string(pattern="^[A-Z][a-z]*( [A-Z][a-z]*)*$"), ["Ada", "Ada Lovelace"], ["ada", "Ada  L"]), (string(pattern="^v(0|[1-9]\\d*)\\.(0|[1-9]\\d*)$"), ["v1.0", "v0.12"], ["v01.0", "1.0"]),
    (string(pattern="^.{2,4}$"), ["ab", "日本語日"], ["a", "abcde"]), (string(pattern="^\"q\"\\\\$"), ["\"q\"\\"], ["q"]), (string(pattern="^[a-z]{2,}$", maxLength=3), ["ab", "abc"], ["a", "abcd"]),
    (string(pattern="^x", minLength=3), ["xyz", "xyzw"], ["xy", "abc"]), ({"type": "string", "allOf": [{"pattern": "a"}, {"pattern": "b"}]}, ["ab", "xbya"], ["a", "b"]), (string(pattern="^(a|b)+(c|d){2}$"), ["acc", "abbacd"], ["ac", "cd"]),
    (string(pattern="^\\w+@\\w+\\.(com|org)$"), ["me@site.com"], ["me@site.net", "@x.com"]), (string(pattern="^é+$"), ["é", "ééé"], ["e"]), (string(pattern="^\\u00e9\\x41$"), ["éA"], ["eA"]), (string(pattern="^(yes|no|)$"), ["yes", ""], ["maybe"]),
    (string(pattern="^[0-9]+(,[0-9]+)*$"), ["1", "1,22,3"], ["", ",1"]), ({"pattern": "^a"}, ["abc", 1, None, {"x": 1}], ["b"]), (string(pattern="^[\\u4e00-\\u9fff]{2}$"), ["日本"], ["日", "ab"]), (string(pattern="^[A-Z]{3}[0-9]{0,200}$"), ["ABC", "ABC" + "1" * 200], ["AB", "ABC" + "1" * 201]),
    # formats
    (string(format="date"), ["2024-02-29", "1999-12-31"], ["2023-02-29", "24-01-01", "2023-13-01"]), (string(format="time"), ["12:30:00Z", "23:59:59.5+01:00"], ["25:00:00Z", "noon"]), (string(format="date-time"), ["2024-01-31T00:00:00Z"], ["2024-01-32T00:00:00Z", "2024-01-01"]),
    (string(format="uuid"), ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567e89b12d3a456426614174000", "x"]), (string(format="email"), ["a@b.org", "first.last+tag@sub.example.com"], ["ab.org", "@"]), (string(format="ipv4"), ["192.168.0.1", "0.0.0.0"], ["256.1.1.1", "1.1.1"]),
    (string(format="ipv6"), ["::", "::1", "2001:db8::ff00:42:8329", "1:2:3:4:5:6:7:8"], ["1:2", ":::", "g::"]), (string(format="duration"), ["P3DT4H", "PT36H", "P1Y"], ["P", "3D"]), (string(format="hostname"), ["example.com", "localhost"], ["-x.com", "a b"]),
    (string(format="uri"), ["https://example.com/a?b=1#c", "urn:isbn:123"], ["example", "://x"]), (obj({"when": string(format="date"), "id": string(format="uuid")}), [{"when": "2024-05-05", "id": "123e4567-e89b-12d3-a456-426614174000"}], [{"when": "today", "id": "x"}]), (string(format="date", pattern="^2024"), ["2024-02-29"], ["2023-01-01"]),
    # numbers
    ({"type": "integer", "minimum": 0}, [0, 5, 10**12], [-1]), ({"type": "integer", "maximum": 0}, [0, -5], [1]), ({"type": "integer", "minimum": 10, "maximum": 99}, [10, 55, 99], [9, 100]), ({"type": "integer", "minimum": -50, "maximum": 50}, [-50, 0, 50, 7], [-51, 51]),
    ({"type": "integer", "exclusiveMinimum": 5, "exclusiveMaximum": 8}, [6, 7], [5, 8]), ({"type": "integer", "minimum": 1, "maximum": 1}, [1], [0, 2]), ({"type": "integer", "minimum": 987, "maximum": 12345}, [987, 1000, 9999, 12345], [986, 12346]), ({"type": "integer", "minimum": 0.5, "maximum": 2.5}, [1, 2], [0, 3]),
    ({"type": "integer", "multipleOf": 5}, [0, 5, -10, 100], [1, 12]), ({"type": "integer", "multipleOf": 3, "minimum": 10, "maximum": 20}, [12, 15, 18], [9, 21, 13]), ({"type": "number", "multipleOf": 4}, [0, 8, -4], [2, 6]), ({"type": "number", "minimum": 0, "maximum": 1}, [0, 0.5, 1, 0.125], [1.5, -0.1]),
    ({"type": "number", "exclusiveMinimum": 0}, [0.1, 5, 1000.5], [0, -1]), ({"type": "number", "exclusiveMaximum": 100}, [99.99, 0, -5], [100, 100.5]), ({"type": "number", "minimum": -1.5, "maximum": 2.25}, [-1.5, 0, 2.25, -0.75], [-1.6, 2.3]), ({"type": "number", "minimum": -3, "maximum": -1}, [-3, -1, -2.5], [-3.5, 0]),
    ({"type": "number", "exclusiveMinimum": -1, "exclusiveMaximum": 1}, [0, 0.9, -0.9], [-1, 1]), ({"type": "number", "minimum": 0.001, "maximum": 0.002}, [0.001, 0.0015, 0.002], [0.0009, 0.0021]), ({"type": "number", "minimum": 1e3, "maximum": 1e6}, [1000, 123456.75, 1000000], [999, 1000001]), ({"minimum": 5}, [5, "x", None, 5.5], [4]),
    ({"type": ["integer", "null"], "minimum": 3}, [3, None], [2]), ({"allOf": [{"minimum": 3}, {"maximum": 5}], "type": "integer"}, [3, 4, 5], [2, 6]), ({"type": "number", "minimum": 99.5}, [99.5, 100, 1e5], [99.4]), ({"type": "number", "exclusiveMinimum": 0.1, "maximum": 0.3}, [0.2, 0.3], [0.1, 0.31]),
    # arrays
    (arr(I), [[], [1], [1, 2, 3]], [["a"], [1, None]]), (arr(S, minItems=1), [["a"], ["a", "b"]], [[]]), (arr(S, maxItems=2), [[], ["a", "b"]], [["a", "b", "c"]]), (arr(B, minItems=2, maxItems=2), [[True, False]], [[True], [True, True, True]]), (arr(arr(I)), [[[1], []], []], [[1]]),
    (arr(I, minItems=3, maxItems=5), [[1, 2, 3], [1, 2, 3, 4, 5]], [[1, 2], [1] * 6]), (arr(N, maxItems=0), [[]], [[1]]), ({"type": "array", "prefixItems": [S, I]}, [[], ["a"], ["a", 1], ["a", 1, None]], [[1], ["a", "b"]]), ({"type": "array", "prefixItems": [S, I], "items": False}, [[], ["a", 1]], [["a", 1, 2]]),
    ({"type": "array", "prefixItems": [S, I], "items": False, "minItems": 2}, [["a", 1]], [["a"], []]), ({"type": "array", "prefixItems": [B], "items": S}, [[True, "a", "b"], []], [["a"], [True, 1]]), (arr(obj({"x": I})), [[{"x": 1}, {"x": 2}], []], [[{"y": 1}]]), (arr({"enum": ["a", "b"]}, minItems=1, maxItems=3), [["a"], ["b", "a", "b"]], [["c"], []]),
    (arr({}, maxItems=2), [[1, "x"], [{}]], [[1, 2, 3]]), ({"minItems": 1}, [[1], "x", {}], [[]]), (arr(I, minItems=20, maxItems=40), [[1] * 20, [2] * 40], [[1] * 19, [1] * 41]), (arr({"type": ["string", "null"]}), [["a", None]], [[1]]), ({"type": "array", "prefixItems": [{"const": "x"}], "maxItems": 1, "minItems": 1}, [["x"]], [[], ["y"]]),
    (arr(string(maxLength=2), maxItems=3), [["ab", ""], []], [["abc"]]), ({"type": "array", "uniqueItems": False, "items": I}, [[1, 1]], [["x"]]), ({"items": False}, [[], "x", {}], [[1]]), (arr(arr(S, minItems=1), minItems=1), [[["a"]], [["a", "b"], ["c"]]], [[], [[]]]),
    # objects
    (obj({}), [{}], [{"a": 1}]), (obj({"a": I}), [{"a": 1}], [{}, {"a": "x"}, {"a": 1, "b": 2}]), (obj({"a": I, "b": S}, ["b"]), [{"b": "x"}, {"a": 1, "b": "x"}], [{"a": 1}]), (obj({"a": I, "b": S}, []), [{}, {"a": 1}, {"b": "x"}, {"a": 1, "b": ""}], [{"c": 1}]), (obj({"a": I, "b": S, "c": B, "d": Z}, ["c"]), [{"c": True}, {"a": 1, "c": True, "d": None}], [{}, {"a": 1}]),
    ({"type": "object", "properties": {"a": I}}, [{}, {"a": 1}, {"a": 1, "z": [1]}, {"b": "x"}], [{"a": "x"}]), ({"type": "object", "additionalProperties": I}, [{}, {"x": 1, "y": 2}], [{"x": "a"}]), ({"type": "object", "properties": {"a": S}, "additionalProperties": I}, [{"a": "x", "b": 1}, {"ab": 3}, {"": 1}], [{"a": 1}, {"b": "x"}]), ({"type": "object", "required": ["x", "y"]}, [{"x": 1, "y": None}, {"x": 1, "y": 2, "z": 3}], [{"x": 1}, {}]),
    ({"type": "object", "properties": {"foo": I, "bar": S}, "required": ["foo"], "additionalProperties": B}, [{"foo": 1, "q": True}], [{"foo": 1, "q": 1}, {"q": True}]), (obj({"a b": I, "c\"d": S, "é": B, "x/y~z": Z}), [{"a b": 1, "c\"d": "x", "é": True, "x/y~z": None}], [{"a b": 1}]), (obj({"o": obj({"p": obj({"q": I})})}), [{"o": {"p": {"q": 1}}}], [{"o": {"p": {}}}, {"o": 1}]), ({"type": "object", "maxProperties": 1}, [{}, {"a": 1}], [{"a": 1, "b": 2}]),
    ({"type": "object", "minProperties": 1}, [{"a": 1}, {"a": 1, "b": 2}], [{}]), (obj({"a": I, "b": I, "c": I}, [], minProperties=2), [{"a": 1, "b": 2}, {"b": 1, "c": 2}, {"a": 1, "b": 2, "c": 3}], [{"a": 1}, {}]), (obj({"a": I, "b": I, "c": I}, [], maxProperties=1), [{}, {"b": 1}], [{"a": 1, "c": 1}]), ({"type": "object", "properties": {"a": False}}, [{}, {"b": 1}], [{"a": 1}]), ({"type": "object", "properties": {"a": True}, "additionalProperties": False}, [{}, {"a": [1]}], [{"b": 1}]),
    ({"type": "object", "patternProperties": {"^n_": N, "^s_": S}, "additionalProperties": False}, [{}, {"n_a": 1.5, "s_b": "x"}], [{"n_a": "x"}, {"z": 1}]), ({"type": "object", "patternProperties": {"^n_": N}}, [{"n_": 1, "zz": "any"}], [{"n_x": "x"}]), ({"type": "object", "properties": {"id": I}, "patternProperties": {"^x-": S}, "required": ["id"], "additionalProperties": False}, [{"id": 1, "x-a": "b"}, {"id": 1}], [{"id": 1, "y": 1}, {"x-a": "b"}]),
    ({"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}}, [{"abc": 1}, {}], [{"ABC": 1}, {"a1": 2}]), ({"type": "object", "propertyNames": {"maxLength": 3}, "additionalProperties": I}, [{"abc": 1}], [{"abcd": 1}]), ({"type": "object", "patternProperties": {"a": {"minimum": 3}, "b": {"maximum": 5}}, "additionalProperties": False}, [{"a": 3, "b": 5, "ab": 4}], [{"ab": 6}, {"ab": 2}, {"c": 1}]), ({"properties": {"a": I}}, [{"a": 1}, "x", [1], {"b": "y"}], [{"a": "x"}]),
    (obj({f"field_{i}": I for i in range(20)}, [f"field_{i}" for i in range(0, 20, 3)]), [{f"field_{i}": i for i in range(20)}, {f"field_{i}": i for i in range(0, 20, 3)}], [{}, {"field_0": 1}]), (obj({"a": I, "ab": I, "abc": I}, []), [{"ab": 1}, {"a": 1, "abc": 3}], [{"abcd": 1}]), ({"type": "object", "properties": {"a": I, "ab": S}}, [{"abc": 1.5}, {"a": 1, "b": None}], [{"ab": 1}]),
    (obj({"n": {"type": "integer", "nullable": False}}), [{"n": 3}], [{"n": None}]), ({"type": "object", "properties": {"é": I, "日本": S}}, [{"é": 1, "日本": "x", "日": 2, "è": 3}], [{"é": "x"}]),
    # combinations
    ({"anyOf": [I, S]}, [1, "a"], [None, 1.5]), ({"anyOf": [obj({"a": I}), obj({"b": I})]}, [{"a": 1}, {"b": 2}], [{}, {"a": 1, "b": 2}]), ({"anyOf": [{"type": "integer", "minimum": 10}, {"type": "integer", "maximum": 0}]}, [10, -1], [5]), ({"anyOf": [Z, arr(I)]}, [None, [1]], [1]),
    ({"type": "string", "anyOf": [{"maxLength": 2}, {"pattern": "^long"}]}, ["ab", "longer"], ["abc"]), ({"oneOf": [I, S]}, [1, "x"], [None]), (SHAPES, [{"kind": "circle", "r": 1.5}, {"kind": "square", "side": 2}, {"kind": "dot"}], [{"kind": "circle"}, {"kind": "line"}]), ({"oneOf": [{"type": "integer", "maximum": 3}, {"type": "integer", "minimum": 10}]}, [3, 10], [5]),
    ({"oneOf": [{"type": "object", "properties": {"a": I}, "required": ["a"], "additionalProperties": False}, obj({"b": S})]}, [{"a": 1}, {"b": "x"}], [{"a": 1, "b": "x"}]), ({"allOf": [{"type": "object", "properties": {"a": I}, "required": ["a"]}, {"properties": {"b": S}, "required": ["b"]}]}, [{"a": 1, "b": "x"}, {"a": 1, "b": "x", "c": 1}], [{"a": 1}, {"b": "x"}]),
    ({"allOf": [S, {"minLength": 2}, {"maxLength": 3}]}, ["ab", "abc"], ["a", "abcd", 1]), ({"allOf": [{"anyOf": [I, S]}, {"anyOf": [S, B]}]}, ["x"], [1, True]), ({"type": "object", "properties": {"a": I, "b": I}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}], "additionalProperties": False}, [{"a": 1}, {"b": 1}, {"a": 1, "b": 2}], [{}]), ({"oneOf": [{"const": 1}, {"const": "a"}, {"enum": [2, 3]}]}, [1, "a", 3], [4]),
    ({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}, Z]}, ["auto", 3, None], [0, "x"]), ({"allOf": [obj({"a": I}, [])], "minProperties": 1}, [{"a": 1}], [{}]), ({"allOf": [{"type": "object", "properties": {"a": I}}, {"type": "object", "properties": {"b": I}}], "unevaluatedProperties": False}, [{"a": 1, "b": 1}, {}], [{"c": 1}]), ({"anyOf": [True, False]}, [1, None], []), ({"oneOf": [string(maxLength=2), string(minLength=5)]}, ["ab", "abcde"], ["abc"]),
    ({"anyOf": [arr(S), arr(I)]}, [[], ["a"], [1, 2]], [["a", 1]]), ({"anyOf": [{"enum": ["red", "green"]}, string(pattern="^#[0-9a-f]{3}$")]}, ["red", "#0af"], ["blue", "#xyz"]),
    ({"type": "object", "properties": {"a": I}, "propertyNames": False}, [{}], [{"a": 1}, {"b": 1}]),
    # references and recursion
    ({"$defs": {"pos": {"type": "integer", "exclusiveMinimum": 0}}, "type": "object", "properties": {"a": {"$ref": "#/$defs/pos"}, "b": {"$ref": "#/$defs/pos"}}, "required": ["a", "b"], "additionalProperties": False}, [{"a": 1, "b": 2}], [{"a": 0, "b": 1}]), (TREE, [{"value": 1, "children": []}, {"value": 1, "children": [{"value": 2, "children": []}, {"value": 3, "children": []}]}], [{"value": 1}, {"value": 1, "children": [{}]}]),
    (LIST, [None, {"head": "a", "tail": {"head": "b", "tail": None}}], [{"head": "a"}, 1]), (EXPR, [{"expr": 1}, {"expr": {"op": "+", "l": 1, "r": {"op": "-", "l": 2, "r": 3.5}}}], [{"expr": {"op": "*", "l": 1, "r": 2}}]), ({"type": "array", "items": {"anyOf": [I, {"$ref": "#"}]}}, [[], [1, [2, [3]]]], [["x"], [[["y"]]]]), (UI, [{"type": "div", "label": "", "children": [{"type": "button", "label": "ok", "children": [], "attributes": []}], "attributes": [{"name": "a", "value": "b"}]}], [{"type": "span", "label": "", "children": [], "attributes": []}]),
    ({"definitions": {"s": S}, "properties": {"x": {"$ref": "#/definitions/s"}}, "type": "object"}, [{"x": "a"}, {}], [{"x": 1}]), ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/c"}, "c": I}, "$ref": "#/$defs/a"}, [1], ["x"]), ({"$defs": {"x": {"$anchor": "here", "type": "boolean"}}, "type": "array", "items": {"$ref": "#here"}}, [[True]], [[1]]), ({"properties": {"a": {"type": "integer"}, "b": {"$ref": "#/properties/a"}}, "type": "object", "additionalProperties": False}, [{"a": 1, "b": 2}], [{"b": "x"}]),
    ({"$defs": {"even": {"anyOf": [Z, arr({"$ref": "#/$defs/odd"}, maxItems=1)]}, "odd": arr({"$ref": "#/$defs/even"}, maxItems=2)}, "$ref": "#/$defs/odd"}, [[], [None], [[[]], None]], [1, [[[[]]], 2]]), ({"type": "object", "additionalProperties": {"$ref": "#"}}, [{}, {"a": {"b": {}}}], [{"a": 1}]), ({"$defs": {"base": {"type": "object", "properties": {"id": I}, "required": ["id"]}}, "allOf": [{"$ref": "#/$defs/base"}], "properties": {"name": S}, "required": ["name"]}, [{"id": 1, "name": "x"}], [{"name": "x"}, {"id": 1}]),
    # as people write them
    (PERSON, [{"name": "Ada", "age": 36}, {"name": "Bo", "age": 0, "email": "b@o.org", "tags": ["x"], "address": {"street": "Main", "zip": "12345"}}], [{"name": "Ada"}, {"name": "Ada", "age": 151}, {"name": "A", "age": 1, "address": {"street": "x", "zip": "1"}}]), (WEATHER, [{"location": "Oslo, Norway", "unit": "celsius", "days": None}, {"location": "", "unit": "fahrenheit", "days": 14}], [{"location": "x", "unit": "kelvin", "days": 1}, {"location": "x", "unit": "celsius", "days": 15}]),
    (STEPS, [{"steps": [{"explanation": "8x = -30", "output": "x = -3.75"}], "final_answer": "-3.75"}, {"steps": [], "final_answer": ""}], [{"steps": [{}], "final_answer": ""}, {"steps": []}]), (obj({"category": {"enum": ["violence", "none"]}, "is_violating": B, "explanation": {"type": ["string", "null"]}}), [{"category": "none", "is_violating": False, "explanation": None}], [{"category": "x", "is_violating": False, "explanation": None}]),
    (obj({"name": S, "date": string(format="date"), "participants": arr(S, minItems=1)}), [{"name": "Fair", "date": "2024-07-04", "participants": ["Alice", "Bob"]}], [{"name": "Fair", "date": "July", "participants": ["A"]}]), (obj({"sql": S, "confidence": {"type": "number", "minimum": 0, "maximum": 1}, "tables": arr(string(pattern="^[a-z_]+$"))}), [{"sql": "SELECT 1;", "confidence": 0.75, "tables": ["a_b"]}], [{"sql": "", "confidence": 2, "tables": []}]),
    ({"title": "Order", "type": "object", "properties": {"id": string(pattern="^ORD-[0-9]{6}$"), "items": arr(obj({"sku": string(minLength=3, maxLength=12), "qty": {"type": "integer", "minimum": 1, "maximum": 999}, "price": {"type": "number", "exclusiveMinimum": 0}}), minItems=1), "note": string(maxLength=100)}, "required": ["id", "items"], "additionalProperties": False}, [{"id": "ORD-000123", "items": [{"sku": "abc", "qty": 1, "price": 9.99}]}, {"id": "ORD-000123", "items": [{"sku": "abc", "qty": 1, "price": 0.5}], "note": "soon"}], [{"id": "ORD-1", "items": []}, {"id": "ORD-000123", "items": []}]),
    (obj({"lat": {"type": "number", "minimum": -90, "maximum": 90}, "lon": {"type": "number", "minimum": -180, "maximum": 180}}), [{"lat": 52.5, "lon": 13.4}, {"lat": -90, "lon": 180}], [{"lat": 91, "lon": 0}]), (obj({"r": {"type": "integer", "minimum": 0, "maximum": 255}, "g": {"type": "integer", "minimum": 0, "maximum": 255}}), [{"r": 0, "g": 255}], [{"r": 256, "g": 0}]), (obj({"entities": arr(obj({"text": S, "label": {"enum": ["PER", "ORG", "LOC"]}, "start": {"type": "integer", "minimum": 0}}))}), [{"entities": [{"text": "Ada", "label": "PER", "start": 0}]}], [{"entities": [{"text": "Ada", "label": "X", "start": 0}]}]),
    (obj({"rating": {"type": "integer", "enum": [1, 2, 3, 4, 5]}, "review": string(maxLength=50)}), [{"rating": 5, "review": "good"}], [{"rating": 6, "review": ""}]), (obj({"answer": {"anyOf": [{"type": "string", "const": "yes"}, {"type": "string", "const": "no"}]}}), [{"answer": "yes"}], [{"answer": "maybe"}]), (obj({"result": {"anyOf": [obj({"ok": {"const": True}, "value": N}), obj({"ok": {"const": False}, "error": S})]}}), [{"result": {"ok": True, "value": 1}}, {"result": {"ok": False, "error": "x"}}], [{"result": {"ok": True, "error": "x"}}]),
    ({"type": "object", "properties": {"config": {"type": "object", "additionalProperties": {"anyOf": [S, N, B]}}}, "required": ["config"], "additionalProperties": False}, [{"config": {}}, {"config": {"a": "x", "b": 1.5, "c": True}}], [{"config": {"a": None}}]), (obj({"matrix": arr(arr(N, minItems=2, maxItems=2), minItems=2, maxItems=2)}), [{"matrix": [[1, 2], [3, 4.5]]}], [{"matrix": [[1], [2]]}]), (obj({"html": string(minLength=1), "title": string(maxLength=60)}), [{"html": "<p class=\"x\">Hi & bye</p>\n", "title": "T"}], [{"html": "", "title": "T"}]),
    (obj({"a": string(maxLength=20), "b": string(maxLength=20), "c": string(maxLength=20)}, []), [{"a": "x", "c": "y" * 20}, {}], [{"b": "z" * 21}]), (obj({"phone": string(pattern="^\\+[1-9]\\d{1,14}$"), "lang": string(pattern="^[a-z]{2}(-[A-Z]{2})?$")}), [{"phone": "+491234567", "lang": "de-DE"}, {"phone": "+12", "lang": "en"}], [{"phone": "123", "lang": "en"}]), (arr(obj({"role": {"enum": ["user", "assistant"]}, "content": {"anyOf": [S, arr(obj({"type": {"const": "text"}, "text": S}))]}})), [[{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "text", "text": "yo"}]}]], [[{"role": "system", "content": "x"}]]),
]

REFUSED = [
    ({"not": S}, "not"), ({"if": S, "then": S}, "if"), ({"contains": I}, "contains"), ({"uniqueItems": True}, "uniqueItems"), ({"dependentRequired": {"a": ["b"]}}, "dependentRequired"), ({"dependentSchemas": {"a": {}}}, "dependentSchemas"), ({"unevaluatedItems": False}, "unevaluatedItems"),
    ({"$dynamicRef": "#x"}, "$dynamicRef"), ({"multipleOf": 0.1}, "multipleOf"), (string(format="iri"), "iri"), (string(pattern="a(?=b)"), "look-ahead"), ({"oneOf": [I, N]}, "oneOf"), ({"$ref": "http://x/y"}, "$ref"), ({"enum": []}, "enum"), ({"minItems": 2, "maxItems": 1}, "minItems"),
    ({"type": "strin"}, "type"), ({"additionalItems": False}, "additionalItems"), ({"typo": 1}, "typo"), ({"type": "object", "properties": {"x": {"then": S}}}, "#/properties/x/then"), (False, "no finite answer"), ({"minLength": "x"}, "minLength"), ({"properties": []}, "properties"), ({"required": "x"}, "required"),
    ({"allOf": [{"properties": {"a": I}, "unevaluatedProperties": False}, {"properties": {"b": I}}]}, "unevaluatedProperties"),
]
