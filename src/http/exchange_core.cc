#include "http/exchange_core.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"

namespace ondol::http {

ExchangeCore::ExchangeCore(Request request, bool is_http_1_0, bool keep_alive, ExchangeOwner& owner)
    : request_(std::move(request)),
      is_http_1_0_(is_http_1_0),
      is_head_(request_.method == "HEAD"),
      owner_(&owner),
      keep_alive_(keep_alive) {}

std::shared_ptr<Exchange> ExchangeCore::make_handle(std::shared_ptr<ExchangeCore> core) {
  Exchange* exchange = core.get();
  return {exchange, [core = std::move(core)](Exchange*) { core->dropped(); }};
}

// REQUIRES: mutex_ held, kWaiting.
void ExchangeCore::append_head(int status, const Headers& headers, Framing framing) {
  status_ = status;
  has_body_ = !is_head_ && status_has_body(status);
  framing.is_http_1_0 = is_http_1_0_;
  // Nothing but the close ends a stream on HTTP/1.0.
  if (framing.is_stream && is_http_1_0_) keep_alive_ = false;
  framing.keep_alive = keep_alive_;
  output_ += make_head(status, headers, framing, request_.id);
}

// REQUIRES: mutex_ held.
bool ExchangeCore::is_over() const {
  return owner_ == nullptr || state_ == State::kEnded || state_ == State::kAborted;
}

void ExchangeCore::reply(Response response) {
  const std::lock_guard lock(mutex_);
  if (is_over()) return;
  ONDOL_CHECK(state_ == State::kWaiting);
  append_head(response.status, response.headers, {.content_length = response.body_bytes()});
  if (has_body_) {
    output_ += response.body;
    if (response.body.empty()) static_body_ = response.static_body;
  }
  queued_bytes_ = output_.size() + static_body_.size();
  state_ = State::kEnded;
  owner_->on_output();
}

void ExchangeCore::begin(int status, Headers headers) {
  const std::lock_guard lock(mutex_);
  if (is_over()) return;
  ONDOL_CHECK(state_ == State::kWaiting);
  append_head(status, headers, {.is_stream = true});
  queued_bytes_ = output_.size();
  state_ = State::kStreaming;
  owner_->on_output();
}

void ExchangeCore::write(std::string bytes) {
  const std::lock_guard lock(mutex_);
  // An empty chunk would be the last one.
  if (is_over() || !has_body_ || bytes.empty()) return;
  ONDOL_CHECK(state_ == State::kStreaming);
  const std::size_t before = output_.size();
  if (is_http_1_0_) {
    output_ += bytes;
  } else {
    output_.reserve(before + bytes.size() + 20);
    fmt::format_to(std::back_inserter(output_), "{:x}\r\n", bytes.size());
    output_.append(bytes).append("\r\n");
  }
  queued_bytes_ += output_.size() - before;
  if (before == 0) owner_->on_output();  // else it has been told already
}

void ExchangeCore::end() {
  const std::lock_guard lock(mutex_);
  if (is_over()) return;
  ONDOL_CHECK(state_ == State::kStreaming);
  if (has_body_ && !is_http_1_0_) {
    output_ += "0\r\n\r\n";
    queued_bytes_ += 5;
  }
  state_ = State::kEnded;
  owner_->on_output();
}

void ExchangeCore::abort() {
  const std::lock_guard lock(mutex_);
  if (is_over()) return;
  state_ = State::kAborted;
  owner_->on_output();
}

std::size_t ExchangeCore::queued_bytes() const {
  const std::lock_guard lock(mutex_);
  return queued_bytes_;
}

void ExchangeCore::on_writable(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  if (owner_ != nullptr) on_writable_.swap(callback);
  // The parameter is destroyed after the lock is gone, here and below.
}

void ExchangeCore::on_gone(std::function<void()> callback) {
  bool call = false;
  {
    const std::lock_guard lock(mutex_);
    call = is_gone_;
    if (owner_ != nullptr) on_gone_.swap(callback);
  }
  if (call && callback) callback();
}

void ExchangeCore::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (owner_ != nullptr) owner_->post(std::move(task));
}

// Nobody is left who could answer, or end the stream.
void ExchangeCore::dropped() {
  const std::lock_guard lock(mutex_);
  if (owner_ == nullptr) return;
  if (state_ == State::kWaiting) owner_->on_dropped();
  if (state_ == State::kStreaming) {
    state_ = State::kAborted;
    owner_->on_output();
  }
}

ExchangeCore::State ExchangeCore::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

int ExchangeCore::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

bool ExchangeCore::keep_alive() const {
  const std::lock_guard lock(mutex_);
  return keep_alive_;
}

void ExchangeCore::close_after() {
  const std::lock_guard lock(mutex_);
  keep_alive_ = false;
}

ExchangeCore::State ExchangeCore::take_output(Output& out) {
  out.bytes.clear();
  const std::lock_guard lock(mutex_);
  out.bytes.swap(output_);
  out.static_body = std::exchange(static_body_, {});
  return state_;
}

void ExchangeCore::on_sent(std::size_t n_bytes) {
  const std::lock_guard lock(mutex_);
  queued_bytes_ -= n_bytes;
}

void ExchangeCore::call_on_writable() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    callback = on_writable_;  // a copy: it may be replaced while it runs
  }
  if (callback) callback();
}

void ExchangeCore::detach() { release(/*is_gone=*/false); }

void ExchangeCore::gone() {
  if (const std::function<void()> callback = release(/*is_gone=*/true)) callback();
}

// Answers on_gone's callback; both callbacks are let go of after the lock.
std::function<void()> ExchangeCore::release(bool is_gone) {
  std::function<void()> writable;
  std::function<void()> gone_callback;
  const std::lock_guard lock(mutex_);
  owner_ = nullptr;
  is_gone_ = is_gone;
  output_.clear();
  static_body_ = {};
  queued_bytes_ = 0;
  writable.swap(on_writable_);
  gone_callback.swap(on_gone_);
  return gone_callback;
}

}  // namespace ondol::http
