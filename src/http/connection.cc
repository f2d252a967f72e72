#include "http/connection.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "http/reply_head.h"

namespace ondol::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::int64_t kLingerMs = 1000;
constexpr std::size_t kKeptOutputBytes = std::size_t{64} << 10;
constexpr std::size_t kMaxRequestIdBytes = 128;

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRequestIdBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.' || c == '-';
         });
}

Response make_refusal(const ServerOptions& options, int status, std::string_view detail) {
  Response response;
  if (options.refuse) {
    response = options.refuse(status, detail);
  } else {
    response = {status, {{"Content-Type", "text/plain"}}, std::string(detail) + "\n"};
  }
  if (status == 503 && !find_header(response.headers, "Retry-After")) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

}  // namespace

// read_buffer_ is left as it is: 16 KiB need not be cleared for each connection.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
Connection::Connection(ConnectionHost& host, std::unique_ptr<Transport> transport, std::string peer,
                       Kind kind)
    : host_(host),
      limits_(host.options().limits),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      kind_(kind),
      timer_(transport_->socket().get_executor()) {}

void Connection::start() {
  post([this] {
    if (phase_ == Phase::kClosed) return;  // a stop() came first
    request_start_ = Clock::now();
    set_deadline(limits_.header_timeout_ms);
    transport_->handshake([self = shared_from_this()](error_code error, std::size_t) {
      if (self->phase_ == Phase::kClosed) return;
      if (error) return self->close(false);
      if (self->kind_ == Kind::kExcess) return self->refuse(503, "too many connections");
      self->wait_for_request();
    });
  });
}

void Connection::drain() {
  post([this] {
    is_draining_ = true;
    if (exchange_) exchange_->close_after();
    if (phase_ == Phase::kIdle || phase_ == Phase::kHandshake) close(false);
  });
}

void Connection::stop() {
  post([this] { cut(/*is_abrupt=*/false); });
}

void Connection::post(std::function<void()> task) {
  asio::post(transport_->socket().get_executor(),
             [self = shared_from_this(), task = std::move(task)] { task(); });
}

void Connection::on_output() {
  post([this] { flush(); });
}

void Connection::on_dropped() {
  post([this] {
    if (exchange_) exchange_->reply(make_refusal(host_.options(), 500, "no reply was given"));
  });
}

// Reading.

void Connection::wait_for_request() {
  parser_.emplace(limits_);
  phase_ = Phase::kIdle;
  bytes_sent_ = 0;
  if (!input_.empty()) return parse();
  // A connection that has never asked anything gets no more time than a header.
  set_deadline(is_reused_ ? limits_.idle_timeout_ms : limits_.header_timeout_ms);
  if (is_draining_) return close(false);
  start_reading();
}

void Connection::start_reading() {
  const bool is_full = phase_ == Phase::kExchange && input_.size() >= limits_.max_header_bytes;
  if (is_reading_ || is_peer_finished_ || is_full || phase_ == Phase::kClosed) return;
  is_reading_ = true;
  transport_->read_some(asio::buffer(read_buffer_),
                        [self = shared_from_this()](error_code error, std::size_t n_bytes) {
                          self->is_reading_ = false;
                          self->on_read(error, n_bytes);
                        });
}

void Connection::on_read(error_code error, std::size_t n_bytes) {
  if (phase_ == Phase::kClosed) return;
  if (error) return on_peer_finished();
  if (phase_ == Phase::kRefusal || phase_ == Phase::kLinger) return start_reading();
  input_.append(read_buffer_.data(), n_bytes);
  if (phase_ == Phase::kExchange) return start_reading();
  parse();
}

// The peer has closed, at least its sending side. Which of both cannot be told
// until something is sent. Programs that use an API close the whole connection
// when they are cancelled, while shutting down only the sending side is rare; so an
// answer that is still being made is given up at once and costs no more time. One
// that is already whole is sent, for a peer that does read on.
void Connection::on_peer_finished() {
  is_peer_finished_ = true;
  const bool is_whole =
      phase_ == Phase::kRefusal || (exchange_ && exchange_->state() == ExchangeCore::State::kEnded);
  if (!is_whole) cut(/*is_abrupt=*/false);
}

void Connection::parse() {
  if (phase_ == Phase::kIdle) {
    phase_ = Phase::kHeader;
    request_start_ = Clock::now();
    set_deadline(limits_.header_timeout_ms);
  }
  const RequestParser::Progress progress = parser_->feed(input_);
  if (!count_body()) return refuse(503, "too many bytes of requests at once");
  switch (progress) {
    case RequestParser::Progress::kBody:
      if (phase_ == Phase::kHeader) {
        phase_ = Phase::kBody;
        set_deadline(limits_.body_timeout_ms);
        if (parser_->expects_continue()) {
          own_output_ += "HTTP/1.1 100 Continue\r\n\r\n";
          flush();
        }
      }
      return start_reading();
    case RequestParser::Progress::kHeader:
      return start_reading();
    case RequestParser::Progress::kDone:
      return start_exchange();
    case RequestParser::Progress::kRefused:
      return refuse(parser_->refusal_status(), parser_->refusal_detail());
  }
}

// What has come since it was counted last.
bool Connection::count_body() {
  const std::size_t n_more = parser_->body_bytes() - body_bytes_;
  if (!host_.take_body_bytes(n_more)) return false;
  body_bytes_ += n_more;
  return true;
}

void Connection::forget_body() {
  host_.give_body_bytes(body_bytes_);
  body_bytes_ = 0;
}

void Connection::start_exchange() {
  Request request = parser_->take_request();
  request.peer = peer_;
  request.is_secure = transport_->is_secure();
  const auto id = request.header("x-request-id");
  request.id = id && is_request_id(*id) ? std::string(*id) : host_.next_request_id();
  const bool keep_alive = parser_->keep_alive() && !is_draining_ && kind_ != Kind::kLate;
  exchange_ =
      std::make_shared<ExchangeCore>(std::move(request), parser_->is_http_1_0(), keep_alive, *this);
  phase_ = Phase::kExchange;
  clear_deadline();
  host_.dispatch(ExchangeCore::make_handle(exchange_));
  start_reading();
}

// Answers a request that never becomes an exchange. Its end is not known for sure,
// so nothing after it may be taken for a request: the connection closes.
void Connection::refuse(int status, std::string_view detail) {
  const Response response = make_refusal(host_.options(), status, detail);
  phase_ = Phase::kRefusal;
  refusal_status_ = status;
  parser_.reset();  // which may own the detail
  forget_body();
  input_.clear();
  set_deadline(limits_.write_timeout_ms);
  own_output_ += make_head(response.status, response.headers,
                           {.keep_alive = false, .content_length = response.body.size()},
                           host_.next_request_id());
  own_output_ += response.body;
  flush();
  start_reading();
}

// Writing.

void Connection::flush() {
  if (is_writing_ || phase_ == Phase::kClosed || phase_ == Phase::kLinger) return;
  output_.bytes.clear();
  output_.static_body = {};
  n_written_ = 0;
  output_is_exchanges_ = own_output_.empty() && exchange_ != nullptr;
  auto state = ExchangeCore::State::kWaiting;
  if (output_is_exchanges_) {
    state = exchange_->take_output(output_);
  } else {
    output_.bytes.swap(own_output_);
  }
  if (output_.size() == 0) return on_all_sent(state);
  is_writing_ = true;
  send_some();
}

void Connection::send_some() {
  // While a request is read its own time-out runs, also for an interim reply.
  if (phase_ != Phase::kBody) set_deadline(limits_.write_timeout_ms);
  const std::string& bytes = output_.bytes;
  const asio::const_buffer rest =
      n_written_ < bytes.size() ? asio::buffer(bytes) + n_written_
                                : asio::buffer(output_.static_body) + (n_written_ - bytes.size());
  transport_->write_some(rest, [self = shared_from_this()](error_code error, std::size_t n_bytes) {
    self->on_write(error, n_bytes);
  });
}

void Connection::on_write(error_code error, std::size_t n_bytes) {
  if (phase_ == Phase::kClosed) return;
  if (error) return cut(/*is_abrupt=*/false);
  n_written_ += n_bytes;
  bytes_sent_ += n_bytes;
  if (output_is_exchanges_ && exchange_) exchange_->on_sent(n_bytes);
  if (n_written_ < output_.size()) return send_some();
  is_writing_ = false;
  if (phase_ == Phase::kExchange) clear_deadline();
  const std::shared_ptr<ExchangeCore> exchange = output_is_exchanges_ ? exchange_ : nullptr;
  flush();
  // Nothing more was waiting: whoever feeds the stream may go on.
  if (exchange && exchange == exchange_ && !is_writing_) exchange->call_on_writable();
}

// Nothing waits to be sent just now; `state` is the exchange's, if there is one.
void Connection::on_all_sent(ExchangeCore::State state) {
  if (phase_ == Phase::kRefusal) {
    report(nullptr, refusal_status_, /*is_cut=*/false);
    return linger();
  }
  if (!exchange_) return;
  switch (state) {
    case ExchangeCore::State::kEnded:
      return finish_exchange();
    case ExchangeCore::State::kAborted:
      // Without chunks a plain close would look like the end.
      return cut(/*is_abrupt=*/exchange_->is_http_1_0());
    case ExchangeCore::State::kWaiting:
    case ExchangeCore::State::kStreaming:
      return;
  }
}

void Connection::finish_exchange() {
  const std::shared_ptr<ExchangeCore> exchange = std::move(exchange_);
  exchange_ = nullptr;
  exchange->detach();
  forget_body();
  report(&exchange->request(), exchange->status(), /*is_cut=*/false);
  is_reused_ = true;
  // An idle connection does not sit on the memory of a large reply.
  if (output_.bytes.capacity() > kKeptOutputBytes) output_.bytes = std::string();
  if (is_peer_finished_) return close(false);
  if (!exchange->keep_alive()) return linger();
  wait_for_request();
}

void Connection::report(const Request* request, int status, bool is_cut) {
  if (!host_.options().on_completed) return;
  const std::chrono::duration<double, std::milli> duration = Clock::now() - request_start_;
  host_.options().on_completed({.request = request,
                                .status = status,
                                .bytes_sent = bytes_sent_,
                                .duration_ms = duration.count(),
                                .is_cut = is_cut});
}

// Closing.

// A socket closed while bytes of the peer lie unread sends a reset, which may
// destroy the reply before the peer has read it. So only the sending side is
// closed; what still comes is thrown away until the peer closes, for a short while.
void Connection::linger() {
  if (is_peer_finished_) return close(false);
  phase_ = Phase::kLinger;
  input_.clear();
  set_deadline(kLingerMs);
  transport_->finish_writing([self = shared_from_this()](error_code error, std::size_t) {
    if (self->phase_ != Phase::kClosed && (error || self->transport_->is_secure())) {
      self->close(false);
    }
  });
  start_reading();
}

// The peer is gone, or has to go, in the middle of whatever it was.
void Connection::cut(bool is_abrupt) {
  if (phase_ == Phase::kClosed) return;
  const bool was_refusal = phase_ == Phase::kRefusal;
  const std::shared_ptr<ExchangeCore> exchange = std::move(exchange_);
  exchange_ = nullptr;
  close(is_abrupt);
  if (was_refusal) report(nullptr, refusal_status_, /*is_cut=*/true);
  if (!exchange) return;
  const bool is_own_will = exchange->state() == ExchangeCore::State::kAborted;
  report(&exchange->request(), exchange->status(), /*is_cut=*/true);
  is_own_will ? exchange->detach() : exchange->gone();
}

void Connection::close(bool is_abrupt) {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  forget_body();
  timer_.cancel();
  transport_->close(is_abrupt);
  host_.on_closed(*this);
}

// Time. One timer for all phases: a later deadline leaves it alone, and it looks
// again when it wakes; so a write costs no system call for its time-out.

void Connection::set_deadline(std::int64_t timeout_ms) {
  deadline_ = Clock::now() + std::chrono::milliseconds(timeout_ms);
  arm_timer();
}

void Connection::clear_deadline() { deadline_ = Clock::time_point::max(); }

void Connection::arm_timer() {
  if (is_timer_armed_ && timer_.expiry() <= deadline_) return;
  is_timer_armed_ = true;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](error_code error) { self->on_timer(error); });
}

void Connection::on_timer(error_code error) {
  if (error == asio::error::operation_aborted || phase_ == Phase::kClosed) return;
  is_timer_armed_ = false;
  if (deadline_ == Clock::time_point::max()) return;
  Clock::now() < deadline_ ? arm_timer() : on_timeout();
}

void Connection::on_timeout() {
  switch (phase_) {
    case Phase::kHeader:
      return refuse(408, "the header took too long");
    case Phase::kBody:
      return refuse(408, "the body took too long");
    case Phase::kExchange:
    case Phase::kRefusal:
      return cut(/*is_abrupt=*/false);
    case Phase::kHandshake:
    case Phase::kIdle:
    case Phase::kLinger:
    case Phase::kClosed:
      return close(false);
  }
}

}  // namespace ondol::http
