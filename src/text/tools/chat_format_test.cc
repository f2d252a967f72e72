// Real templates and tokenizers where a package carries them; for the others the
// lines of the published template that tell the formats apart.
#include "text/tools/chat_format.h"

#include <gtest/gtest.h>

#include <string>

#include "text/tools/test_support.h"

namespace ondol::text {
namespace {

using testing::byte_tokenizer;
using testing::real_template;
using testing::real_tokenizer;

constexpr const char* kMissing = " is missing: run ./dev test";

TEST(ChatFormat, RealTemplates) {
  const struct {
    const char* model;
    const char* tokenizer;
    const char* format;
    CallSyntax syntax;
    bool template_has_tools;
    bool reasons;
  } cases[] = {
      {"llama3_1", "llama3_1", "described", CallSyntax::kHermes, false, false},
      {"llama3_2", "llama3_1", "llama", CallSyntax::kLlama, true, false},
      {"qwen2_5", "qwen3", "hermes", CallSyntax::kHermes, true, false},
      {"qwen3", "qwen3", "hermes", CallSyntax::kHermes, true, true},
      {"gemma3", "gemma3", "gemma", CallSyntax::kGemma, false, false},
      {"mistral_nemo", "llama3_1", "mistral_list", CallSyntax::kMistralList, true, false},
  };
  for (const auto& one : cases) {
    const std::string source = real_template(one.model);
    ASSERT_FALSE(source.empty()) << one.model << kMissing;
    const auto tokenizer = real_tokenizer(one.tokenizer);
    ASSERT_TRUE(tokenizer) << one.tokenizer << kMissing;
    const ChatFormat format = detect_chat_format(source, *tokenizer);
    EXPECT_EQ(format.name, one.format) << one.model;
    EXPECT_EQ(format.syntax, one.syntax) << one.model;
    EXPECT_EQ(format.template_has_tools, one.template_has_tools) << one.model;
    EXPECT_EQ(format.reasoning != nullptr, one.reasons) << one.model;
    // None of these tokenizers calls its marks special.
    EXPECT_TRUE(format.shown.empty()) << one.model;
  }
}

TEST(ChatFormat, OtherTemplates) {
  const auto tokenizer = byte_tokenizer({});
  const struct {
    const char* source;
    const char* format;
  } cases[] = {
      {"{{ messages[0].content }}", "described"},
      {"", "described"},
      // Mistral Small 3.2 and Magistral.
      {"{% if tools %}{% endif %}{{ '[TOOL_CALLS]' + c.name + '[ARGS]' + c.arguments }}",
       "mistral_named"},
      // Llama 3.1 and 3.3.
      {"{% if tools is not none %}{% endif %}{{- \"<|python_tag|>\" }}"
       "{{- \"<|start_header_id|>ipython<|end_header_id|>\\n\\n\" }}",
       "llama"},
      // Calls in XML (Qwen3-Coder) are another format.
      {"{% if tools %}{% endif %}{{ '<tool_call>\\n<function=' ~ c.name ~ '>' }}", "described"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(detect_chat_format(one.source, *tokenizer).name, one.format) << one.source;
  }
}

TEST(ChatFormat, SpecialMarksAreShown) {
  const auto tokenizer =
      byte_tokenizer({"<|python_tag|>", "[TOOL_CALLS]", "[ARGS]", "[THINK]", "[/THINK]", "<s>"});
  const ChatFormat llama = detect_chat_format("tools <|start_header_id|>ipython", *tokenizer);
  EXPECT_EQ(llama.shown_ids(), std::vector<TokenId>{256});
  EXPECT_TRUE(llama.is_special("<|python_tag|>"));
  const ChatFormat mistral =
      detect_chat_format("tools [TOOL_CALLS] [ARGS] [THINK] [/THINK]", *tokenizer);
  EXPECT_EQ(mistral.shown_ids(), (std::vector<TokenId>{259, 260, 257, 258}));
  ASSERT_TRUE(mistral.reasoning);
  EXPECT_EQ(mistral.reasoning->close, "[/THINK]");
  EXPECT_FALSE(mistral.is_special("[CALL_ID]"));
}

TEST(ChatFormat, OpenedReasoning) {
  const auto tokenizer = byte_tokenizer({});
  const ChatFormat format = detect_chat_format("<think> </think>", *tokenizer);
  EXPECT_TRUE(opens_reasoning(format, "<|assistant|>\n<think>\n"));
  EXPECT_FALSE(opens_reasoning(format, "<|assistant|>\n<think>\n\n</think>\n\n"));
  EXPECT_FALSE(opens_reasoning(format, ""));
  EXPECT_FALSE(opens_reasoning(detect_chat_format("", *tokenizer), "<think>"));
}

}  // namespace
}  // namespace ondol::text
