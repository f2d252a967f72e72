// Each keyword of JSON Schema: what it lets through and what not, and what is
// refused by name. tests/grammar holds whole schemas to an independent validator.
#include <string>
#include <vector>

#include "text/grammar/test_grammar.h"

namespace ondol::text {
namespace {

using Texts = std::vector<std::string>;

void expect_schema(const std::string& schema, const Texts& in, const Texts& out) {
  expect_language(Structure::json_schema(schema), in, out);
}

void expect_schema_refused(const std::string& schema, ErrorCode code, std::string_view pointer,
                           std::string_view word) {
  expect_refused(Structure::json_schema(schema), code, pointer, word);
}

TEST(JsonSchema, Types) {
  expect_schema(R"({"type": "null"})", {"null"}, {"nul", "false", "", " null"});
  expect_schema(R"({"type": "boolean"})", {"true", "false"}, {"True", "1"});
  expect_schema(R"({"type": "integer"})", {"0", "-1", "42"}, {"1.0", "-", "01", "1e3", "-0"});
  expect_schema(R"({"type": "number"})", {"0", "-1.5", "1e10", "2E-3", "1.5e+299"},
                {".5", "1.", "1e999", "NaN"});
  expect_schema(R"({"type": ["string", "null"]})", {"\"a\"", "null"}, {"1"});
  expect_schema(R"({"type": "string", "nullable": true})", {"\"a\"", "null"}, {"1"});
  expect_schema("true", {"1", "{}", "[1, {\"a\": null}]"}, {"", "[1,]", "{a:1}"});
  expect_schema("{}", {"1", "{}", "[]", "\"\"", "{\"a\": [1.5, true]}"}, {"tru"});
  expect_schema_refused(R"({"type": "text"})", ErrorCode::kInvalidArgument, "#/type", "type");
  expect_schema_refused("false", ErrorCode::kInvalidArgument, "", "no finite answer");
  expect_schema_refused("[1", ErrorCode::kInvalidArgument, "", "JSON");
}

TEST(JsonSchema, StringsAreValidUtf8AndJson) {
  const std::string schema = R"({"type": "string"})";
  expect_schema(schema, {R"("")", R"("aé日😀")", R"("\"\\\/\b\n\u00e9\uD83D\uDE00")"},
                {"\"\n\"", R"("\x")", R"("\ud83d")", R"("\ude00")", R"("\ud83d\u0041")", "\"\xC3\"",
                 "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", R"("a)", "a"});
}

TEST(JsonSchema, StringLengthsCountCharacters) {
  expect_schema(R"({"type": "string", "minLength": 2, "maxLength": 3})",
                {R"("ab")", R"("日本語")", R"("\ud83d\ude00a")", R"("\n\n\n")"},
                {R"("a")", R"("abcd")", R"("😀")"});
  expect_schema(R"({"type": "string", "minLength": 100, "maxLength": 1000000})",
                {"\"" + std::string(100, 'a') + "\"", "\"" + std::string(5000, 'b') + "\""},
                {"\"" + std::string(99, 'a') + "\""});
  expect_schema(R"({"type": "string", "maxLength": 500})", {"\"" + std::string(500, 'a') + "\""},
                {"\"" + std::string(501, 'a') + "\""});
  expect_schema_refused(R"({"minLength": 3, "maxLength": 2})", ErrorCode::kInvalidArgument,
                        "#/minLength", "above");
  expect_schema_refused(R"({"minLength": -1})", ErrorCode::kInvalidArgument, "#/minLength",
                        "at least 0");
  expect_schema_refused(R"({"maxLength": 1.5})", ErrorCode::kInvalidArgument, "#/maxLength",
                        "integer");
}

TEST(JsonSchema, Patterns) {
  expect_schema(R"({"type": "string", "pattern": "^[A-Z]{2}-\\d+$"})",
                {R"("AB-1")", R"("ZZ-0099")"}, {R"("AB-")", R"("xAB-1")", R"("AB-1x")"});
  expect_schema(R"({"type": "string", "pattern": "b.d"})", {R"("bad")", R"("abcdbéd!")"},
                {R"("bd")", R"("b\nd")"});
  expect_schema(R"({"type": "string", "pattern": "^a|b$"})", {R"("ab")", R"("axx")", R"("xxb")"},
                {R"("xax")"});
  expect_schema(R"({"type": "string", "pattern": "^\\S+ \"q\"$"})", {R"("x \"q\"")"}, {R"("x q")"});
  expect_schema(R"({"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 3})",
                {R"("ab")", R"("abc")"}, {R"("a")", R"("abcd")", R"("AB")"});
  expect_schema(R"({"allOf": [{"pattern": "a"}, {"pattern": "b"}], "type": "string"})",
                {R"("ab")", R"("bca")"}, {R"("a")"});
  expect_schema_refused(R"({"pattern": "(?=a)b"})", ErrorCode::kUnsupported, "#/pattern",
                        "look-ahead");
  expect_schema_refused(R"({"pattern": "(a)\\1"})", ErrorCode::kUnsupported, "#/pattern",
                        "backreference");
  expect_schema_refused(R"({"pattern": "(a"})", ErrorCode::kInvalidArgument, "#/pattern", "(");
}

TEST(JsonSchema, Formats) {
  const auto format = [](const std::string& name) {
    return R"({"type": "string", "format": ")" + name + "\"}";
  };
  expect_schema(format("date"), {R"("2024-02-29")", R"("1999-12-31")"},
                {R"("2023-02-29")", R"("2023-13-01")", R"("2023-1-1")", R"("2023-04-31")"});
  expect_schema(format("time"), {R"("23:59:59Z")", R"("00:00:00.123+09:00")"},
                {R"("24:00:00Z")", R"("00:00:00")"});
  expect_schema(format("date-time"), {R"("2024-02-29T12:00:00Z")"},
                {R"("2024-02-29 12:00:00Z")", R"("2024-02-29")"});
  expect_schema(format("uuid"), {R"("123e4567-e89b-12d3-a456-426614174000")"}, {R"("123e4567")"});
  expect_schema(format("email"), {R"("a.b@example.org")"},
                {R"("a@")", R"("@b.c")", R"("a b@c.d")"});
  expect_schema(format("ipv4"), {R"("127.0.0.1")", R"("255.255.255.255")"},
                {R"("256.0.0.1")", R"("1.2.3")", R"("01.2.3.4")"});
  expect_schema(format("ipv6"),
                {R"("::1")", R"("fe80::1:2")", R"("1:2:3:4:5:6:7:8")", R"("::")", R"("1::")"},
                {R"(":::")", R"("1:2:3")", R"("12345::")"});
  expect_schema(format("uri"), {R"("https://example.org/a?b=c#d")", R"("mailto:a@b.c")"},
                {R"("no scheme")", R"("//x")"});
  expect_schema(format("duration"), {R"("P1Y2M3DT4H5M6S")", R"("PT1M")", R"("P4W")"},
                {R"("P")", R"("1D")", R"("P1DT")"});
  expect_schema(format("hostname"), {R"("example.org")", R"("a-b.c")"},
                {R"("-a")", R"("a_b")", R"("a.")"});
  expect_schema_refused(format("iri"), ErrorCode::kUnsupported, "#/format", "iri");
}

TEST(JsonSchema, IntegerBounds) {
  expect_schema(R"({"type": "integer", "minimum": 5, "maximum": 120})",
                {"5", "9", "10", "99", "100", "120"}, {"4", "121", "0", "-5", "1000", "05"});
  expect_schema(R"({"type": "integer", "minimum": -12, "maximum": 7})", {"-12", "-1", "0", "7"},
                {"-13", "8", "-0", "-20"});
  expect_schema(R"({"type": "integer", "exclusiveMinimum": 0})", {"1", "999999999999999999"},
                {"0", "-1"});
  expect_schema(R"({"type": "integer", "exclusiveMaximum": 1.5, "minimum": -0.5})", {"0", "1"},
                {"2", "-1"});
  expect_schema(R"({"type": "integer", "maximum": -3})", {"-3", "-100"}, {"-2", "0", "3"});
  expect_schema(R"({"type": "integer", "multipleOf": 7, "minimum": -14, "maximum": 30})",
                {"-14", "-7", "0", "7", "28"}, {"1", "35", "-21", "14.0"});
  expect_schema_refused(R"({"multipleOf": 0.01})", ErrorCode::kUnsupported, "#/multipleOf",
                        "multipleOf");
  expect_schema_refused(R"({"multipleOf": 0})", ErrorCode::kInvalidArgument, "#/multipleOf",
                        "above 0");
  expect_schema_refused(R"({"type": "integer", "minimum": 1.2, "maximum": 1.8})",
                        ErrorCode::kInvalidArgument, "", "no finite answer");
}

TEST(JsonSchema, NumberBounds) {
  expect_schema(R"({"type": "number", "minimum": 0.25, "maximum": 1.5})",
                {"0.25", "0.250", "0.3", "1", "1.5", "1.49"},
                {"0.2", "0.249", "1.51", "2", "-1", "0"});
  expect_schema(R"({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1})",
                {"0.1", "0.00001", "0.999"}, {"0", "0.0", "1", "1.0", "-0.5"});
  expect_schema(R"({"type": "number", "minimum": -1.5, "exclusiveMaximum": 0})",
                {"-1.5", "-0.1", "-1"}, {"0", "-0", "-1.6", "-2"});
  expect_schema(R"({"type": "number", "minimum": -2.5})", {"-2.5", "0", "17.25", "-0.0", "1000000"},
                {"-2.51", "-3"});
  expect_schema(R"({"type": "number", "maximum": 3.25})", {"3.25", "-100", "3", "0.5"},
                {"3.26", "4", "10"});
  expect_schema(R"({"type": "number", "minimum": 1, "maximum": 1})", {"1", "1.0"}, {"1.1", "0"});
}

TEST(JsonSchema, EnumAndConst) {
  expect_schema(R"({"enum": ["red", "green", 3, null, {"a": [1]}]})",
                {R"("red")", "3", "null", R"({"a": [1]})", R"({"a":[1]})"},
                {R"("re")", R"("blue")", "3.5", "{}"});
  expect_schema(R"({"const": "a\"b\n"})", {R"("a\"b\n")"}, {R"("ab")"});
  expect_schema(R"({"type": "string", "enum": ["a", 1, "bb"], "minLength": 2})", {R"("bb")"},
                {R"("a")", "1"});
  expect_schema_refused(R"({"enum": []})", ErrorCode::kInvalidArgument, "#/enum", "empty");
  expect_schema_refused(R"({"type": "integer", "const": "x"})", ErrorCode::kInvalidArgument, "",
                        "no finite answer");
}

TEST(JsonSchema, ObjectsKeepTheDeclaredOrder) {
  const std::string schema =
      R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {"type": "null"}},
    "required": ["a", "c"], "additionalProperties": false})";
  expect_schema(schema,
                {R"({"a":1,"c":null})", R"({"a": 1, "b": "x", "c": null})",
                 "{\n  \"a\": 1,\n  \"c\": null\n}"},
                {R"({})", R"({"a":1})", R"({"c":null,"a":1})", R"({"a":1,"c":null,"d":1})",
                 R"({"a":1,"a":1,"c":null})", R"({"a":1,,"c":null})", R"({"a":"1","c":null})"});
}

TEST(JsonSchema, AdditionalProperties) {
  expect_schema(
      R"({"type": "object", "properties": {"a": {"type": "integer"}, "ab": {"type": "integer"}}})",
      {"{}", R"({"a":1})", R"({"ab":1})", R"({"a":1,"b":"x"})", R"({"abc":"x"})", R"({"":1})",
       R"({"é":1,"日":2})", R"({"\n":1})", R"({"A":"x","Ab":2})"},
      {R"({"a":"x"})", R"({"b":1,"a":"x"})", R"({"\u0061":"x"})", R"({"ab":"x"})"});
  expect_schema(
      R"({"type": "object", "additionalProperties": {"type": "boolean"}, "minProperties": 1})",
      {R"({"x":true})", R"({"x":true,"y":false})"}, {"{}", R"({"x":1})"});
  expect_schema(
      R"({"type": "object", "additionalProperties": {"type": "integer"}, "maxProperties": 2})",
      {"{}", R"({"a":1,"b":2})"}, {R"({"a":1,"b":2,"c":3})"});
  expect_schema(
      R"({"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "additionalProperties": false, "minProperties": 2, "maxProperties": 2})",
      {R"({"a":1,"b":1})", R"({"b":1,"c":1})"}, {R"({"a":1})", R"({"a":1,"b":1,"c":1})", "{}"});
  expect_schema(
      R"({"type": "object", "required": ["x"], "additionalProperties": {"type": "integer"}})",
      {R"({"x":1})", R"({"x":1,"y":2})"}, {"{}", R"({"y":1})", R"({"x":"1"})"});
  expect_schema_refused(R"({"type": "object", "minProperties": 3})", ErrorCode::kUnsupported, "#",
                        "minProperties");
}

TEST(JsonSchema, PatternPropertiesAndNames) {
  expect_schema(
      R"({"type": "object", "patternProperties": {"^x-": {"type": "integer"}}, "properties": {"x-a": {"maximum": 5}, "b": {"type": "string"}}, "additionalProperties": false})",
      {R"({"x-a":3})", R"({"b":"s","x-q":7})", "{}"},
      {R"({"x-a":6})", R"({"x-q":"s"})", R"({"y":1})", R"({"x-a":"s"})"});
  expect_schema(
      R"({"type": "object", "propertyNames": {"pattern": "^[a-z]{1,3}$"}, "additionalProperties": {"type": "integer"}})",
      {"{}", R"({"abc":1,"d":2})"}, {R"({"ABC":1})", R"({"abcd":1})"});
}

TEST(JsonSchema, Arrays) {
  expect_schema(R"({"type": "array", "items": {"type": "integer"}})",
                {"[]", "[1]", "[1, 2,3]", "[\n  1,\n  2\n]"}, {"[1,]", "[,]", "[\"a\"]", "[1 2]"});
  expect_schema(R"({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3})",
                {"[1,2]", "[1,2,3]"}, {"[]", "[1]", "[1,2,3,4]"});
  expect_schema(
      R"({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false, "minItems": 1})",
      {R"(["a"])", R"(["a",1])"}, {"[]", R"(["a",1,2])", "[1]"});
  expect_schema(
      R"({"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}})",
      {"[]", R"(["a",1,2])"}, {"[1]", R"(["a","b"])"});
  expect_schema(
      R"({"type": "array", "items": {"type": "null"}, "minItems": 100, "maxItems": 2000})",
      {"[null" +
       [] {
         std::string s;
         for (int i = 1; i < 1500; ++i) s += ",null";
         return s;
       }() +
       "]"},
      {"[null,null]"});
  expect_schema(R"({"type": "array", "maxItems": 0})", {"[]"}, {"[1]"});
  expect_schema_refused(R"({"type": "array", "minItems": 3, "maxItems": 2})",
                        ErrorCode::kInvalidArgument, "#/minItems", "above");
  expect_schema_refused(R"({"type": "array", "uniqueItems": true})", ErrorCode::kUnsupported,
                        "#/uniqueItems", "uniqueItems");
}

TEST(JsonSchema, Choices) {
  expect_schema(R"({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 1}]})",
                {"1", R"("a")"}, {R"("ab")", "null"});
  expect_schema(
      R"({"type": "object", "properties": {"k": {"type": "string"}}, "anyOf": [{"required": ["k"]}, {"properties": {"n": {"const": 1}}, "required": ["n"]}], "additionalProperties": true})",
      {R"({"k":"x"})", R"({"k":"x","n":1})", R"({"n":1})"}, {"{}", R"({"n":2})", R"({"k":1})"});
  expect_schema(
      R"({"oneOf": [{"type": "object", "properties": {"t": {"const": "a"}, "x": {"type": "integer"}}, "required": ["t", "x"], "additionalProperties": false},
                              {"type": "object", "properties": {"t": {"const": "b"}}, "required": ["t"], "additionalProperties": false}]})",
      {R"({"t":"a","x":1})", R"({"t":"b"})"}, {R"({"t":"a"})", R"({"t":"b","x":1})"});
  expect_schema(
      R"({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"properties": {"a": {"minimum": 3}, "b": {"type": "null"}}, "required": ["b"]}], "unevaluatedProperties": false})",
      {R"({"a":3,"b":null})"}, {R"({"a":2,"b":null})", R"({"a":3})", R"({"a":3,"b":null,"c":1})"});
  expect_schema_refused(R"({"oneOf": [{"type": "integer"}, {"type": "number"}]})",
                        ErrorCode::kUnsupported, "#/oneOf", "exclude each other");
  expect_schema_refused(R"({"not": {"type": "null"}})", ErrorCode::kUnsupported, "#/not",
                        "\"not\"");
  expect_schema_refused(R"({"properties": {"a/b": {"if": {}}}})", ErrorCode::kUnsupported,
                        "#/properties/a~1b/if", "\"if\"");
}

TEST(JsonSchema, References) {
  expect_schema(
      R"({"$defs": {"node": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["v", "next"], "additionalProperties": false}}, "$ref": "#/$defs/node"})",
      {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":null}})"},
      {R"({"v":1})", R"({"v":1,"next":{}})"});
  expect_schema(R"({"type": "array", "items": {"$ref": "#"}})", {"[]", "[[],[[]]]"},
                {"[1]", "[[]"});
  expect_schema(
      R"({"$defs": {"s": {"type": "string"}}, "allOf": [{"$ref": "#/$defs/s"}], "maxLength": 1})",
      {R"("a")"}, {R"("ab")", "1"});
  expect_schema(R"({"$defs": {"a b/c": {"const": 1}}, "$ref": "#/$defs/a%20b~1c"})", {"1"}, {"2"});
  expect_schema(R"({"$defs": {"x": {"$anchor": "here", "const": 1}}, "$ref": "#here"})", {"1"},
                {"2"});
  expect_schema_refused(R"({"$ref": "#/$defs/none"})", ErrorCode::kInvalidArgument, "#/$ref",
                        "nowhere");
  expect_schema_refused(R"({"$ref": "https://example.org/s"})", ErrorCode::kUnsupported, "#/$ref",
                        "another document");
  expect_schema_refused(R"({"$ref": "#"})", ErrorCode::kInvalidArgument, "#", "circle");
  expect_schema(R"({"anyOf": [{"$ref": "#"}, {"type": "null"}]})", {"null"}, {"1"});
  expect_schema_refused(
      R"({"type": "object", "properties": {"n": {"$ref": "#"}}, "required": ["n"]})",
      ErrorCode::kInvalidArgument, "", "no finite answer");
}

TEST(JsonSchema, AnnotationsSayNothing) {
  expect_schema(
      R"({"$schema": "x", "$id": "y", "title": "t", "description": "d", "default": 1, "examples": [1], "$comment": "c", "deprecated": true, "readOnly": true, "type": "null"})",
      {"null"}, {"1"});
  expect_schema_refused(R"({"type": "object", "properties": {"x": {"maxContains": 1}}})",
                        ErrorCode::kUnsupported, "#/properties/x/maxContains", "maxContains");
}

TEST(JsonSchema, SpaceIsBounded) {
  const auto any = compile(Structure::json_object());
  EXPECT_TRUE(takes(any, "{ \"a\": [ 1,\n\t2 ] }"));
  EXPECT_TRUE(takes(any, "{\n" + std::string(40, ' ') + "\"a\": 1\n}"));
  EXPECT_FALSE(takes(any, "{\n" + std::string(41, ' ') + "\"a\": 1}"));
  EXPECT_FALSE(takes(any, "{  \"a\": 1}"));
  EXPECT_FALSE(takes(any, "{\n\n\"a\": 1}"));
  EXPECT_FALSE(takes(any, "{\"a\" : 1}"));
  EXPECT_FALSE(takes(any, "[1]"));
}

}  // namespace
}  // namespace ondol::text
