#include "format/metadata.h"

#include <gtest/gtest.h>

#include <limits>

namespace ondol::format {
namespace {

Metadata sample() {
  Metadata m("config.json");
  m.insert("int", std::int64_t{7});
  m.insert("big", ~std::uint64_t{0});
  m.insert("real", 0.5);
  m.insert("nan", std::numeric_limits<double>::quiet_NaN());
  m.insert("text", std::string("x"));
  m.insert("yes", true);
  m.insert("ints", MetaArray(std::vector<std::int64_t>{1, 2}));
  m.insert("none", MetaArray(std::vector<std::int64_t>{}));
  return m;
}

template <class T>
std::string message_of(const Result<T>& result) {
  return result ? "no error" : result.error().message();
}

TEST(Metadata, InsertKeepsTheFirst) {
  Metadata m = sample();
  EXPECT_FALSE(m.insert("int", std::int64_t{8}));
  EXPECT_EQ(m.integer("int", 0, 10).value(), 7);
}

TEST(Metadata, AnswersInTheTypeAsked) {
  const Metadata m = sample();
  EXPECT_EQ(m.number("int", 0, 10).value(), 7.0);
  EXPECT_EQ(m.number("big", 0, 1e20).value(), 18446744073709551615.0);
  EXPECT_EQ(m.string("text").value(), "x");
  EXPECT_TRUE(m.boolean("yes").value());
  EXPECT_EQ(m.array<std::int64_t>("ints").value()->size(), 2U);
}

TEST(Metadata, ErrorsNameFileKeyFoundAndExpected) {
  const Metadata m = sample();
  EXPECT_EQ(message_of(m.integer("gone", 1, 9)),
            "config.json: gone: missing (found nothing, limit integer, 1 to 9)");
  EXPECT_EQ(message_of(m.integer("int", 8, 9)),
            "config.json: int: out of range (found 7, limit 8 to 9)");
  EXPECT_EQ(message_of(m.integer("big", 0, std::numeric_limits<std::int64_t>::max())),
            "config.json: big: out of range (found 18446744073709551615, limit 0 to "
            "9223372036854775807)");
  EXPECT_EQ(message_of(m.integer("real", 0, 1)),
            "config.json: real: of another type (found 0.5, limit integer, 0 to 1)");
  EXPECT_EQ(message_of(m.number("nan", 0, 1)),
            "config.json: nan: out of range (found nan, limit 0 to 1)");
  EXPECT_EQ(message_of(m.string("yes")),
            "config.json: yes: of another type (found true, limit string)");
  EXPECT_EQ(message_of(m.boolean("text")),
            "config.json: text: of another type (found \"x\", limit boolean)");
  EXPECT_EQ(message_of(m.array<bool>("ints")),
            "config.json: ints: array of another type (found array of 2, limit array of booleans)");
  EXPECT_EQ(message_of(m.array<bool>("int")),
            "config.json: int: of another type (found 7, limit array of booleans)");
}

TEST(Metadata, FallbackIsForMissingKeysOnly) {
  const Metadata m = sample();
  EXPECT_EQ(m.integer_or("gone", 3, 0, 9).value(), 3);
  EXPECT_EQ(m.number_or("gone", 0.25, 0, 1).value(), 0.25);
  EXPECT_EQ(m.string_or("gone", "d").value(), "d");
  EXPECT_FALSE(m.boolean_or("gone", false).value());
  EXPECT_FALSE(m.integer_or("text", 3, 0, 9));
  EXPECT_FALSE(m.integer_or("int", 3, 0, 6));
  EXPECT_EQ(m.array<double>("gone").value(), nullptr);
}

TEST(Metadata, AnEmptyArrayIsOfAnyType) {
  const Metadata m = sample();
  EXPECT_TRUE(m.array<std::string_view>("none").value()->empty());
  EXPECT_TRUE(m.array<bool>("none").value()->empty());
}

}  // namespace
}  // namespace ondol::format
