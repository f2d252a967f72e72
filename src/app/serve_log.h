// What a server writes to its log: a JSON object a line on stderr, in the manner of
// OpenTelemetry's log records (timestamp, severity, body, attributes), so that
// collectors read it. No text of prompts or answers, no key; request_id joins the
// lines of one request.
//
// Threads: any; spdlog's logger locks.
#pragma once

#include <memory>

#include "api/api.h"
#include "base/error.h"
#include "http/server.h"

namespace ondol::app {

class ServeLog {
 public:
  enum class Form : std::uint8_t { kOff, kText, kJson };
  explicit ServeLog(Form form);

  void completed(const http::Completed& completed) const;
  void generation(const api::GenerationRecord& record) const;

 private:
  Form form_;
};

}  // namespace ondol::app
