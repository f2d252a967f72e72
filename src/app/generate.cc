#include "app/generate.h"

#include "text/detokenizer.h"
#include "text/stop_matcher.h"

namespace ondol::app {
namespace {

constexpr std::int64_t kPollMs = 50;  // how long a Ctrl-C may wait

std::string_view reason_name(engine::FinishReason reason) {
  switch (reason) {
    case engine::FinishReason::kStop:
      return "stop";
    case engine::FinishReason::kLength:
      return "length";
    case engine::FinishReason::kToolCall:
      return "tool_call";
    case engine::FinishReason::kCancelled:
      return "cancelled";
    case engine::FinishReason::kError:
      return "error";
  }
  return "error";
}

// Ids in, certain text out.
class Answer {
 public:
  Answer(std::shared_ptr<const text::Tokenizer> tokenizer, text::StopMatcher stops,
         const GenerateOptions& options)
      : detokenizer_(std::move(tokenizer)), stops_(std::move(stops)), options_(options) {}

  void push(std::int32_t id) {
    if (stops_.matched()) return;  // computed before the cancel was seen
    out.ids.push_back(id);
    show(stops_.push(detokenizer_.push(id)));
  }

  bool stopped() const { return stops_.matched(); }

  void finish() {
    if (stops_.matched()) return;
    show(stops_.push(detokenizer_.finish()));
    show(stops_.finish());
  }

  Generated out;

 private:
  void show(const std::string& text) {
    if (text.empty()) return;
    out.text += text;
    if (options_.on_text) options_.on_text(text);
  }

  text::StreamingDetokenizer detokenizer_;
  text::StopMatcher stops_;
  const GenerateOptions& options_;
};

}  // namespace

Result<Generated> generate(engine::Engine& engine, engine::GenerationRequest request,
                           std::shared_ptr<const text::Tokenizer> tokenizer,
                           const GenerateOptions& options) {
  ONDOL_TRY(text::StopMatcher stops, text::StopMatcher::create(options.stops));
  Answer answer(std::move(tokenizer), std::move(stops), options);
  ONDOL_TRY(engine::Stream stream, engine.submit(std::move(request)));
  bool cancelled = false;
  while (!stream.done()) {
    const bool interrupted = options.interrupted && options.interrupted();
    if (!cancelled && (interrupted || answer.stopped())) {
      stream.cancel();
      cancelled = true;
    }
    auto event = stream.next_for(kPollMs);
    if (!event) continue;
    if (event->kind == engine::Event::Kind::kToken) {
      if (!cancelled) answer.push(event->token);
      continue;
    }
    if (event->error) return tl::unexpected(*std::move(event->error));
    answer.finish();
    answer.out.finish_reason = answer.stopped() ? "stop" : reason_name(event->reason);
    answer.out.timings = event->timings;
  }
  return std::move(answer.out);
}

}  // namespace ondol::app
