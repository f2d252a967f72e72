#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <new>

namespace ondol::text {
namespace {

constexpr std::size_t kJitStackStart = std::size_t{32} << 10;
constexpr std::size_t kJitStackMax = std::size_t{8} << 20;
constexpr std::uint32_t kHeapLimitKib = 64 << 10;
constexpr std::uint32_t kMatchLimit = 50'000'000;

struct FreeData {
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
};
struct FreeContext {
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
};
struct FreeStack {
  void operator()(pcre2_jit_stack* p) const { pcre2_jit_stack_free(p); }
};

// What one match needs; made once a thread, as making it costs more than most matches.
struct Scratch {
  std::unique_ptr<pcre2_match_data, FreeData> data{pcre2_match_data_create(1, nullptr)};
  std::unique_ptr<pcre2_match_context, FreeContext> context{pcre2_match_context_create(nullptr)};
  std::unique_ptr<pcre2_jit_stack, FreeStack> stack{
      pcre2_jit_stack_create(kJitStackStart, kJitStackMax, nullptr)};

  Scratch() {
    if (!data || !context) throw std::bad_alloc();
    if (stack) pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
    pcre2_set_match_limit(context.get(), kMatchLimit);
    pcre2_set_heap_limit(context.get(), kHeapLimitKib);
  }
};

Scratch& scratch() {
  thread_local Scratch instance;
  return instance;
}

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR, 160> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

std::size_t step_over(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

int match_at(const pcre2_code* code, bool jit, std::string_view text, std::size_t from,
             Scratch& s) {
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  if (jit) {
    const int rc =
        pcre2_jit_match(code, subject, text.size(), from, 0, s.data.get(), s.context.get());
    if (rc != PCRE2_ERROR_JIT_STACKLIMIT) return rc;
  }
  // The interpreter keeps its backtracking on the heap, within kHeapLimitKib.
  return pcre2_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                     s.data.get(), s.context.get());
}

}  // namespace

void Regex::Free::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }

Result<Regex> Regex::compile(std::string_view pattern, std::string_view where,
                             std::string_view field) {
  if (pattern.size() > kMaxPatternBytes) {
    return fail(ErrorCode::kLimit, where, field, "pattern longer than kMaxPatternBytes",
                pattern.size(), kMaxPatternBytes);
  }
  ONDOL_TRY(const std::string translated, translate_pattern(pattern, where, field));
  struct FreeCompile {
    void operator()(pcre2_compile_context* p) const { pcre2_compile_context_free(p); }
  };
  const std::unique_ptr<pcre2_compile_context, FreeCompile> context(
      pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), 64);

  int error = 0;
  PCRE2_SIZE offset = 0;
  Regex out;
  out.code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                                &error, &offset, context.get()));
  if (!out.code_) {
    return fail(ErrorCode::kUnsupported, where, field,
                "pattern is not understood: " + pcre2_message(error), std::string(pattern));
  }
  out.jit_ = pcre2_jit_compile(out.code_.get(), PCRE2_JIT_COMPLETE) == 0;
  return out;
}

Result<void> Regex::find_all(std::string_view text, std::vector<Range>& out) const {
  Scratch& s = scratch();
  const PCRE2_SIZE* ovector = pcre2_get_ovector_pointer(s.data.get());
  std::size_t from = 0;
  std::size_t last_end = std::string_view::npos;
  while (from <= text.size()) {
    const int rc = match_at(code_.get(), jit_, text, from, s);
    if (rc == PCRE2_ERROR_NOMATCH) break;
    if (rc < 0) {
      return fail(ErrorCode::kLimit, "tokenizer", "pattern",
                  "matching was given up: " + pcre2_message(rc), text.size(), text.size());
    }
    const Range match{ovector[0], ovector[1]};
    // \K inside a lookahead can put the end before the start.
    if (match.end < match.begin || match.end < from) {
      return fail(ErrorCode::kUnsupported, "tokenizer", "pattern", "a match runs backwards");
    }
    if (match.end == match.begin && match.end == last_end) {
      from = step_over(text, from);
      continue;
    }
    out.push_back(match);
    from = last_end = match.end;
  }
  return {};
}

}  // namespace ondol::text
