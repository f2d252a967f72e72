// What stands between a handler and its connection: the request, the bytes of
// the reply that wait, and who is to be told what.
//
// Owner: shared by the connection and, through the pointer of make_handle(), by
// the handler. It holds no socket and no timer, so a handler may keep it longer
// than the server lives: detach() cuts the way back first.
// Threads: any; one mutex, never held while a callback runs or is destroyed (a
// callback may hold the last handle, whose end comes back in here).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "http/exchange.h"
#include "http/reply_head.h"

namespace ondol::http {

/// The side of the connection. Threads: any; post() only queues.
class ExchangeOwner {
 public:
  virtual void post(std::function<void()> task) = 0;  // onto the connection's strand
  virtual void on_output() = 0;                       // there is something to send, or an end
  virtual void on_dropped() = 0;                      // the handler let go without a reply

 protected:
  ~ExchangeOwner() = default;
};

class ExchangeCore final : public Exchange {
 public:
  /// REQUIRES: owner lives until detach() or gone().
  ExchangeCore(Request request, bool is_http_1_0, bool keep_alive, ExchangeOwner& owner);

  /// For the handler; the end of its last copy counts as letting go.
  static std::shared_ptr<Exchange> make_handle(std::shared_ptr<ExchangeCore> core);

  const Request& request() const override { return request_; }
  void reply(Response response) override;
  void begin(int status, Headers headers) override;
  void write(std::string bytes) override;
  void end() override;
  void abort() override;
  std::size_t queued_bytes() const override;
  void on_writable(std::function<void()> callback) override;
  void on_gone(std::function<void()> callback) override;
  void post(std::function<void()> task) override;

  // For the connection, on its strand.

  enum class State { kWaiting, kStreaming, kEnded, kAborted };
  State state() const;
  int status() const;       // 0 before a reply
  bool keep_alive() const;  // as the reply's head says it
  bool is_http_1_0() const { return is_http_1_0_; }
  /// The next reply's head says close (if it has not been made yet).
  void close_after();
  /// What waits: bytes, and a static body behind them.
  struct Output {
    std::string bytes;
    std::string_view static_body;

    std::size_t size() const { return bytes.size() + static_body.size(); }
  };
  /// Moves what waits into `out` (emptied before); it counts as queued until on_sent.
  /// The state belongs to it: kEnded beside nothing means that all has been taken.
  State take_output(Output& out);
  void on_sent(std::size_t n_bytes);
  void call_on_writable();
  /// The reply has gone out: no call has an effect any more.
  void detach();
  /// The same because the peer left, and says so.
  void gone();

 private:
  void dropped();
  bool is_over() const;
  std::function<void()> release(bool is_gone);
  void append_head(int status, const Headers& headers, Framing framing);

  const Request request_;
  const bool is_http_1_0_;
  const bool is_head_;

  mutable std::mutex mutex_;  // guards all below
  ExchangeOwner* owner_;      // null: ended or gone
  State state_ = State::kWaiting;
  int status_ = 0;
  bool keep_alive_;
  bool has_body_ = true;  // false: written bytes are not sent (HEAD, 204, 304)
  bool is_gone_ = false;
  std::string output_;
  std::string_view static_body_;  // behind output_; not taken yet
  std::size_t queued_bytes_ = 0;
  std::function<void()> on_writable_;
  std::function<void()> on_gone_;
};

}  // namespace ondol::http
