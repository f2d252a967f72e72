// The interpreter's own rules: errors with lines, limits, hostile templates. That
// it prints what Jinja2 prints is tests/templates/template_oracle.py's to show.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "base/test_clock.h"
#include "text/chat_template.h"

namespace ondol::text {
namespace {

using std::chrono::milliseconds;

Result<std::string> render(std::string source, ChatTemplateOptions options = {}) {
  ONDOL_TRY(const auto parsed, ChatTemplate::parse(std::move(source), "t.jinja", options.limits));
  return parsed.render(boost::json::parse(R"([{"role": "user", "content": "hi"}])"), options);
}

std::string repeat(std::string_view piece, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += piece;
  return out;
}

TEST(ChatTemplate, RendersMessagesAndOptions) {
  ChatTemplateOptions options;
  options.bos_token = "<s>";
  options.extra = {{"enable_thinking", false}};
  const auto text = render(
      "{{ bos_token }}{% for m in messages %}\n[{{ m.role }}] {{ m['content'] }}\n{% endfor %}\n"
      "{% if add_generation_prompt and not enable_thinking %}A:{% endif %}",
      options);
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_EQ(*text, "<s>[user] hi\nA:");
}

TEST(ChatTemplate, ExtraVariablesWin) {
  ChatTemplateOptions options;
  options.bos_token = "a";
  options.extra = {{"bos_token", "b"}};
  EXPECT_EQ(render("{{ bos_token }}", options).value(), "b");
}

TEST(ChatTemplate, ClockCanBePinned) {
  ChatTemplateOptions options;
  options.now = std::tm{};
  options.now->tm_year = 124;
  options.now->tm_mon = 6;
  options.now->tm_mday = 26;
  EXPECT_EQ(render("{{ strftime_now('%d %b %Y') }}", options).value(), "26 Jul 2024");
}

TEST(ChatTemplate, RaisedMessageIsTheDetail) {
  const auto text = render("a\nb\n{{ raise_exception('Roles must alternate') }}");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(text.error().where, "t.jinja");
  EXPECT_EQ(text.error().field, "line 3");
  EXPECT_EQ(text.error().detail, "Roles must alternate");
}

TEST(ChatTemplate, SyntaxErrorsNameTheLine) {
  for (const char* source :
       {"a\n{% if x %}\n{{ 1 + }}\n{% endif %}", "\n\n{{ 'x }}", "\n\n{% nope %}", "\n\n{{ (1] }}",
        "\n\n{# x", "\n\n{{ 99999999999999999999 }}"}) {
    const auto text = render(source);
    ASSERT_FALSE(text) << source;
    EXPECT_EQ(text.error().code, ErrorCode::kInvalidFile) << source;
    EXPECT_EQ(text.error().field, "line 3") << source;
  }
}

TEST(ChatTemplate, OtherFilesAreOutOfReach) {
  for (const char* source : {"{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}",
                             "{% from 'x' import y %}"}) {
    const auto text = render(source);
    ASSERT_FALSE(text) << source;
    EXPECT_EQ(text.error().code, ErrorCode::kUnsupported) << source;
  }
}

TEST(ChatTemplate, HostObjectsAreOutOfReach) {
  for (const char* source : {"{{ ''.__class__.__mro__ }}", "{{ messages.__class__.__base__ }}",
                             "{{ raise_exception.__globals__.x }}", "{{ messages.append(1) }}",
                             "{{ messages[0].update({}) }}", "{{ messages[0].pop('role') }}",
                             "{% set ns = namespace() %}{% set ns.__class__ = 1 %}"}) {
    EXPECT_FALSE(render(source)) << source;
  }
}

TEST(ChatTemplate, IntegersDoNotWrap) {
  for (const char* source :
       {"{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}", "{{ 2 ** 64 }}",
        "{{ 4611686018427387904 * 2 }}", "{{ (-9223372036854775807 - 1) // -1 }}",
        "{{ -(-9223372036854775807 - 1) }}", "{{ (-9223372036854775807 - 1)|abs }}",
        "{{ '9223372036854775808'|int }}", "{{ 1e300|int }}"}) {
    const auto text = render(source);
    ASSERT_FALSE(text) << source << " gave " << *text;
    EXPECT_EQ(text.error().code, ErrorCode::kLimit) << source;
  }
  EXPECT_EQ(render("{{ (-9223372036854775807 - 1) % -1 }}").value(), "0");
  EXPECT_EQ(render("{{ 'abc'[::-9223372036854775807 - 1] }}").value(), "c");
}

TEST(ChatTemplate, InvalidUtf8IsReplacedInMessagesAndRefusedInTemplates) {
  EXPECT_FALSE(render("a\xFF"));
  ChatTemplateOptions options;
  options.eos_token = "a\xFF";
  EXPECT_EQ(render("{{ eos_token }}", options).value(), "a\xEF\xBF\xBD");
}

// Each asks for more than it may have. The answer is kLimit, and soon.
// Of processor time; the steps alone take a fraction. Generous for sanitizers.
#if defined(__SANITIZE_THREAD__)
constexpr milliseconds kMost{60000};
#else
constexpr milliseconds kMost{10000};
#endif

TEST(ChatTemplate, HostileTemplatesMeetALimit) {
  const std::string loop = "{% for a in range(100000) %}";
  const std::vector<std::string> sources = {
      loop + loop + "{% endfor %}{% endfor %}",
      "{% for a in range(10000000000) %}{% endfor %}",
      "{{ 'x' * 10000000000 }}",
      "{{ [0] * 10000000000 }}",
      "{{ ('x' * 10000000) * 1000000000000 }}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro m(x) %}{% call m(x) %}{% endcall %}{{ caller() }}{% endmacro %}{{ m(1) }}",
      "{% for a in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
      "{{ 'x'.center(100000000000) }}",
      "{{ 'x'.zfill(100000000000) }}",
      "{{ '%100000000000d' % 1 }}",
      "{{ '{:100000000000}'.format(1) }}",
      "{{ 'a\nb'|indent(100000000000) }}",
      "{{ [1]|tojson(indent=100000000000) }}",
      "{{ [1]|batch(100000000000, 'x')|list }}",
      "{{ [1]|slice(100000000000)|list }}",
      "{{ ('a' * 10000000).replace('a', 'b' * 10000000) }}",
      "{{ ('a' * 10000000)|join('b' * 10000000) }}",
      "{% set ns = namespace(x=[]) %}" + loop + "{% set ns.x = [ns.x] %}{% endfor %}",
      "{% set ns = namespace(x={}) %}" + loop + "{% set ns.x = {1: ns.x} %}{% endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for a in range(80) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% endfor %}{{ ns.x }}",
      "{% set ns = namespace(x='ab') %}" + loop + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
      loop + "{% macro m() %}{% endmacro %}{% set x = 'y' * 10000 %}{% endfor %}",
      "{{ " + repeat("(", 100000) + "1" + repeat(")", 100000) + " }}",
      "{{ " + repeat("[", 100000) + repeat("]", 100000) + " }}",
      "{{ " + repeat("-", 100000) + "1 }}",
      "{{ " + repeat("not ", 100000) + "1 }}",
      "{{ 1" + repeat("+1", 100000) + " }}",
      "{{ x" + repeat(".x", 100000) + " }}",
      "{{ x" + repeat("|e", 100000) + " }}",
      "{{ x" + repeat("()", 100000) + " }}",
      "{{ 1" + repeat(" if 1 else 1", 50000) + " }}",
      "{% set " + repeat("(", 100000) + "x" + repeat(")", 100000) + " = 1 %}",
      repeat("{% if 1 %}", 50000),
      std::string(2'000'000, 'x'),
  };
  for (const std::string& source : sources) {
    const CpuTimer timer;
    const auto text = render(source);
    const auto took = timer.elapsed();
    ASSERT_FALSE(text) << source.substr(0, 100);
    EXPECT_EQ(text.error().code, ErrorCode::kLimit)
        << source.substr(0, 100) << ": " << text.error().message();
    EXPECT_LT(took, kMost) << source.substr(0, 100);
  }
}

TEST(ChatTemplate, LimitsAreTheCallers) {
  ChatTemplateOptions options;
  options.limits.steps = 1000;
  options.limits.output_bytes = 50;
  const CpuTimer timer;
  const auto endless = render("{% for a in range(100000) %}x{% endfor %}", options);
  EXPECT_LT(timer.elapsed(), milliseconds(100));
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().limit, "1000");
  const auto wide = render("{{ 'x' * 51 }}", options);
  ASSERT_FALSE(wide);
  EXPECT_EQ(wide.error().limit, "50");
  EXPECT_TRUE(render("{{ 'x' * 50 }}", options));
}

TEST(ChatTemplate, MessagesOfAnyDepthAreBounded) {
  boost::json::value deep = boost::json::array{};
  for (int i = 0; i < 1000; ++i) deep = boost::json::array{std::move(deep)};
  const auto parsed = ChatTemplate::parse("{{ messages }}", "t.jinja");
  const auto text = parsed->render(deep, {});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kLimit);
}

TEST(ChatTemplate, OneTemplateRendersInManyThreads) {
  const auto parsed = ChatTemplate::parse(
      "{% macro m(x) %}{{ x ~ 'é' }}{% endmacro %}{% for i in range(300) %}{{ m(i) }}{% endfor %}",
      "t.jinja");
  ASSERT_TRUE(parsed);
  const std::string expected = parsed->render({}, {}).value();
  std::vector<std::string> found(4);
  std::vector<std::thread> threads;
  for (std::string& text : found) {
    threads.emplace_back([&] { text = parsed->render({}, {}).value(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : found) EXPECT_EQ(text, expected);
}

TEST(ChatTemplate, LoopsAndMacrosKeptInNamespacesStaySafe) {
  // A loop that ended cannot be called; a macro outlives the block it was made in.
  EXPECT_FALSE(
      render("{% set ns = namespace() %}{% for a in [[1]] recursive %}"
             "{% set ns.l = loop %}{% endfor %}{{ ns.l([1]) }}"));
  EXPECT_EQ(render("{% set ns = namespace() %}{% for a in [1, 2] %}{% set b = a %}"
                   "{% macro m() %}{{ b }}{% endmacro %}{% set ns.m = m %}{% endfor %}"
                   "{% for a in [7] %}{% set b = a %}{{ ns.m() }}{% endfor %}")
                .value(),
            "2");
  EXPECT_TRUE(
      render("{% set ns = namespace() %}{% set ns.me = ns %}"
             "{% for a in [1] %}{{ loop.changed(loop) }}{% endfor %}"));
}

}  // namespace
}  // namespace ondol::text
