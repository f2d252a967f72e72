#include "api/fields.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace ondol::api {
namespace {

namespace json = boost::json;

// What reading one field of a body answers: the refusal's param, or "" when it is good.
template <class Read>
std::string refused_param(const std::string& body, const Read& read) {
  const auto object = parse_object(body);
  if (!object) return "(body)";
  std::optional<Refusal> refusal;
  Fields fields(*object, "", refusal);
  read(fields);
  fields.refuse_unknown();
  if (!refusal) return "";
  EXPECT_EQ(refusal->status, 400);
  EXPECT_FALSE(refusal->message.empty());
  return refusal->param;
}

TEST(ParseObject, RefusesWhatIsNoObject) {
  for (const std::string body :
       {"", "[]", "1", "null", "{", "{\"a\":}", "{\"a\":NaN}", "{'a':1}", "{\"a\":1}x",
        "{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}", "{\"a\":Infinity}", "{\"a\":01}"}) {
    const auto object = parse_object(body);
    ASSERT_FALSE(object.has_value()) << body;
    EXPECT_EQ(object.error().status, 400);
  }
  EXPECT_TRUE(parse_object("{}").has_value());
  EXPECT_TRUE(parse_object(" {\"a\": \"\\ud83d\\ude00\"} ").has_value());
}

TEST(ParseObject, RefusesDeepNesting) {
  const auto nested = [](std::size_t n) {
    return "{\"a\":" + std::string(n, '[') + std::string(n, ']') + "}";
  };
  EXPECT_TRUE(parse_object(nested(kMaxJsonDepth - 2)).has_value());
  EXPECT_FALSE(parse_object(nested(kMaxJsonDepth + 1)).has_value());
  EXPECT_FALSE(parse_object(nested(1'000'000)).has_value());
}

TEST(ParseObject, RefusesANameTwice) {
  for (const std::string body :
       {R"({"a":1,"a":2})", R"({"b":{"a":1,"a":1}})", R"({"b":[{"x":1},{"a":1,"\u0061":1}]})"}) {
    const auto object = parse_object(body);
    ASSERT_FALSE(object.has_value()) << body;
    EXPECT_NE(object.error().message.find("'a'"), std::string::npos);
  }
  EXPECT_TRUE(parse_object(R"({"a":{"a":1},"b":[{"a":1},{"a":1}]})").has_value());
  // A long name comes in parts.
  const std::string name(100'000, 'n');
  EXPECT_FALSE(parse_object("{\"" + name + "\":1,\"" + name + "\":1}").has_value());
}

TEST(Fields, NumberTakesItsRangeOnly) {
  const auto read = [](Fields& fields) { fields.number("x", {0, 2}); };
  for (const std::string good : {"0", "2", "1.5", "null", "1e-300", "2.0"}) {
    EXPECT_EQ(refused_param("{\"x\":" + good + "}", read), "") << good;
  }
  for (const std::string bad : {"-1", "2.1", "1e309", "-1e309", "9223372036854775808",
                                "99999999999999999999999", "\"1\"", "true", "[]", "{}"}) {
    EXPECT_EQ(refused_param("{\"x\":" + bad + "}", read), "x") << bad;
  }
}

TEST(Fields, OpenEndsAreOutside) {
  const auto read = [](Fields& fields) { fields.number("x", {0, 1, false, false}); };
  EXPECT_EQ(refused_param("{\"x\":0}", read), "x");
  EXPECT_EQ(refused_param("{\"x\":1}", read), "x");
  EXPECT_EQ(refused_param("{\"x\":0.5}", read), "");
}

TEST(Fields, IntegerTakesWholeNumbersOnly) {
  const auto read = [](Fields& fields) { fields.integer("x", 0, INT64_MAX); };
  for (const std::string good : {"0", "9223372036854775807", "16.0", "1e3", "null"}) {
    EXPECT_EQ(refused_param("{\"x\":" + good + "}", read), "") << good;
  }
  for (const std::string bad : {"-1", "1.5", "1e309", "9223372036854775808", "18446744073709551616",
                                "\"1\"", "false", "1e30"}) {
    EXPECT_EQ(refused_param("{\"x\":" + bad + "}", read), "x") << bad;
  }
}

TEST(Fields, PathsNameNestedFields) {
  const auto read = [](Fields& fields) {
    const json::array* items = fields.array("items", 10);
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
      auto item = fields.object_of((*items)[i], "items[" + std::to_string(i) + "]");
      if (!item) return;
      item->require("name");
      item->string("name");
      item->refuse_unknown();
    }
  };
  EXPECT_EQ(refused_param(R"({"items":[{"name":"a"},{"name":"b"}]})", read), "");
  EXPECT_EQ(refused_param(R"({"items":[{"name":"a"},{"name":1}]})", read), "items[1].name");
  EXPECT_EQ(refused_param(R"({"items":[{"name":"a"},{}]})", read), "items[1].name");
  EXPECT_EQ(refused_param(R"({"items":[{"name":"a"},7]})", read), "items[1]");
  EXPECT_EQ(refused_param(R"({"items":[{"name":"a","b":1}]})", read), "items[0].b");
  EXPECT_EQ(refused_param(R"({"items":[1,2,3,4,5,6,7,8,9,10,11]})", read), "items");
  EXPECT_EQ(refused_param(R"({"items":{}})", read), "items");
}

TEST(Fields, UnknownNamesAreRefused) {
  const auto read = [](Fields& fields) { fields.flag("known"); };
  EXPECT_EQ(refused_param(R"({"known":true})", read), "");
  EXPECT_EQ(refused_param(R"({"known":true,"other":null})", read), "other");
  EXPECT_EQ(refused_param(R"({"known":1})", read), "known");
}

TEST(Fields, WordsAndStrings) {
  const auto read = [](Fields& fields) {
    fields.word("w", {"a", "b"});
    fields.string_or_strings("s", 2);
  };
  EXPECT_EQ(refused_param(R"({"w":"a","s":"x"})", read), "");
  EXPECT_EQ(refused_param(R"({"w":null,"s":["x","y"]})", read), "");
  EXPECT_EQ(refused_param(R"({"w":"c"})", read), "w");
  EXPECT_EQ(refused_param(R"({"s":["x","y","z"]})", read), "s");
  EXPECT_EQ(refused_param(R"({"s":["x",1]})", read), "s[1]");
  EXPECT_EQ(refused_param(R"({"s":1})", read), "s");
}

TEST(Fields, TheFirstMistakeIsKept) {
  const auto read = [](Fields& fields) {
    fields.flag("a");
    fields.flag("b");
  };
  EXPECT_EQ(refused_param(R"({"b":1,"a":1,"c":1})", read), "a");
}

}  // namespace
}  // namespace ondol::api
