#include "http/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <condition_variable>
#include <future>
#include <limits>
#include <mutex>
#include <random>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "http/connection.h"
#include "http/tls.h"

namespace ondol::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// How many connections beyond the limit are told so; what comes on top of them is
// closed without a word.
constexpr std::size_t kMaxExcess = 64;
constexpr auto kAcceptRetry = std::chrono::milliseconds(50);
constexpr std::size_t kMaxThreads = 256;

Result<void> check_range(std::string_view field, std::uint64_t value, std::uint64_t low,
                         std::uint64_t high) {
  if (value >= low && value <= high) return {};
  return fail(ErrorCode::kInvalidArgument, "server", field, "is out of range",
              std::to_string(value), fmt::format("{} to {}", low, high));
}

Result<void> check_options(const ServerOptions& options) {
  const Limits& limits = options.limits;
  constexpr std::uint64_t kDayMs = 86'400'000;
  const auto number = [](std::int64_t value) {
    return value < 0 ? std::uint64_t{0} : static_cast<std::uint64_t>(value);
  };
  ONDOL_TRY_VOID(check_range("max_header_bytes", limits.max_header_bytes, 256, 1 << 20));
  ONDOL_TRY_VOID(check_range("max_body_bytes", limits.max_body_bytes, 1, std::uint64_t{1} << 40));
  ONDOL_TRY_VOID(check_range("max_bodies_bytes", limits.max_bodies_bytes, limits.max_body_bytes,
                             std::uint64_t{1} << 50));
  ONDOL_TRY_VOID(check_range("max_connections", limits.max_connections, 1, 1 << 20));
  ONDOL_TRY_VOID(check_range("header_timeout_ms", number(limits.header_timeout_ms), 1, kDayMs));
  ONDOL_TRY_VOID(check_range("body_timeout_ms", number(limits.body_timeout_ms), 1, kDayMs));
  ONDOL_TRY_VOID(check_range("write_timeout_ms", number(limits.write_timeout_ms), 1, kDayMs));
  ONDOL_TRY_VOID(check_range("idle_timeout_ms", number(limits.idle_timeout_ms), 1, kDayMs));
  ONDOL_TRY_VOID(check_range("n_io_threads", number(options.n_io_threads), 1, kMaxThreads));
  return check_range("n_handler_threads", number(options.n_handler_threads), 1, kMaxThreads);
}

std::string address_text(asio::ip::address address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return address.to_string();
}

class AsioServer final : public Server, public ConnectionHost {
 public:
  AsioServer(ServerOptions options, Handler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        handler_threads_(static_cast<std::size_t>(options_.n_handler_threads)),
        work_(asio::make_work_guard(io_)),
        acceptor_(asio::make_strand(io_)),
        accept_retry_(acceptor_.get_executor()),
        id_seed_((std::uint64_t{std::random_device{}()} << 32) | std::random_device{}()) {}
  ~AsioServer() override;

  Result<void> listen();

  std::uint16_t port() const override { return port_; }
  std::size_t n_connections() const override;
  bool drain(std::int64_t deadline_ms) override;

 private:
  // ConnectionHost
  const ServerOptions& options() const override { return options_; }
  void dispatch(std::shared_ptr<Exchange> exchange) override;
  std::string next_request_id() override;
  bool take_body_bytes(std::size_t n_bytes) override;
  void give_body_bytes(std::size_t n_bytes) override { n_body_bytes_ -= n_bytes; }
  void on_closed(Connection& connection) override;

  void accept();
  void add(tcp::socket socket);
  void stop_accepting();
  void stop_connections();
  std::vector<std::shared_ptr<Connection>> connections() const;

  const ServerOptions options_;
  const Handler handler_;
  asio::io_context io_;
  std::unique_ptr<asio::ssl::context> tls_;
  asio::thread_pool handler_threads_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::thread> io_threads_;
  tcp::acceptor acceptor_;  // with accept_retry_: on its own strand
  asio::steady_timer accept_retry_;
  std::uint16_t port_ = 0;

  const std::uint64_t id_seed_;
  std::atomic<std::uint64_t> n_ids_{0};
  std::atomic<std::size_t> n_body_bytes_{0};

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  std::size_t n_excess_ = 0;
  std::size_t n_late_ = 0;
  bool is_draining_ = false;
  bool is_stopping_ = false;
};

Result<void> AsioServer::listen() {
  error_code error;
  const auto address = asio::ip::make_address(options_.address, error);
  if (error) {
    return fail(ErrorCode::kInvalidArgument, "server", "address", "is no IP address",
                options_.address);
  }
  if (options_.tls) {
    ONDOL_TRY(tls_, make_tls_context(*options_.tls, options_.on_warning));
  }
  const tcp::endpoint endpoint(address, options_.port);
  if (acceptor_.open(endpoint.protocol(), error) ||
      acceptor_.set_option(tcp::acceptor::reuse_address(true), error) ||
      acceptor_.bind(endpoint, error) ||
      acceptor_.listen(asio::socket_base::max_listen_connections, error)) {
    return fail(ErrorCode::kIo, fmt::format("{} port {}", options_.address, options_.port), "",
                "cannot listen: " + error.message());
  }
  port_ = acceptor_.local_endpoint(error).port();
  asio::post(acceptor_.get_executor(), [this] { accept(); });
  for (int i = 0; i < options_.n_io_threads; ++i) {
    io_threads_.emplace_back([this] { io_.run(); });
  }
  return {};
}

// Everything that is pending ends before the io_context goes: sockets and timers
// belong to it, and connections live as long as something of theirs is pending.
// NOLINTNEXTLINE(bugprone-exception-escape): out of memory here ends the process
AsioServer::~AsioServer() {
  stop_accepting();
  stop_connections();
  handler_threads_.stop();  // exchanges that no handler has seen are dropped
  handler_threads_.join();
  work_.reset();
  for (std::thread& thread : io_threads_) thread.join();
}

std::size_t AsioServer::n_connections() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

bool AsioServer::drain(std::int64_t deadline_ms) {
  {
    const std::lock_guard lock(mutex_);
    is_draining_ = true;
  }
  for (const auto& connection : connections()) connection->drain();
  std::unique_lock lock(mutex_);
  const bool in_time = changed_.wait_for(lock, std::chrono::milliseconds(deadline_ms),
                                         [this] { return connections_.size() == n_late_; });
  lock.unlock();
  stop_accepting();
  stop_connections();
  lock.lock();
  changed_.wait(lock, [this] { return connections_.empty(); });
  return in_time;
}

void AsioServer::dispatch(std::shared_ptr<Exchange> exchange) {
  asio::post(handler_threads_, [this, exchange = std::move(exchange)]() mutable {
    try {
      handler_(std::move(exchange));
    } catch (const std::exception&) {
      // Out of memory, or a bug. The exchange has been let go: it is answered 500,
      // or its stream is cut.
      return;
    }
  });
}

// A counter through a bijection (the finalizer of splitmix64): unique in this
// process, and spread enough that those of two processes do not meet.
std::string AsioServer::next_request_id() {
  std::uint64_t x = id_seed_ + n_ids_.fetch_add(1) * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return fmt::format("req-{:016x}", x ^ (x >> 31));
}

bool AsioServer::take_body_bytes(std::size_t n_bytes) {
  if (n_body_bytes_.fetch_add(n_bytes) + n_bytes <= options_.limits.max_bodies_bytes) return true;
  n_body_bytes_ -= n_bytes;
  return false;
}

void AsioServer::on_closed(Connection& connection) {
  const std::lock_guard lock(mutex_);
  if (connection.kind() == Connection::Kind::kExcess) --n_excess_;
  if (connection.kind() == Connection::Kind::kLate) --n_late_;
  connections_.erase(&connection);
  changed_.notify_all();
}

void AsioServer::accept() {
  acceptor_.async_accept(asio::make_strand(io_), [this](error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
    if (!error) {
      add(std::move(socket));
      return accept();
    }
    // Out of file descriptors, most likely: some come back when connections close.
    accept_retry_.expires_after(kAcceptRetry);
    accept_retry_.async_wait([this](error_code cancelled) {
      if (!cancelled && acceptor_.is_open()) accept();
    });
  });
}

void AsioServer::add(tcp::socket socket) {
  error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  // An error: it has left already.
  if (error || socket.set_option(tcp::no_delay(true), error)) return;
  std::shared_ptr<Connection> connection;
  {
    using Kind = Connection::Kind;
    const std::lock_guard lock(mutex_);
    const bool is_excess = connections_.size() - n_excess_ >= options_.limits.max_connections;
    if (is_stopping_ || (is_excess && n_excess_ >= kMaxExcess)) return;
    if (is_excess && is_draining_) return;
    const Kind kind = is_draining_ ? Kind::kLate : (is_excess ? Kind::kExcess : Kind::kUsual);
    auto transport = tls_ ? make_tls_transport(std::move(socket), *tls_)
                          : make_plain_transport(std::move(socket));
    connection = std::make_shared<Connection>(*this, std::move(transport),
                                              address_text(peer.address()), kind);
    connections_.emplace(connection.get(), connection);
    if (kind == Kind::kExcess) ++n_excess_;
    if (kind == Kind::kLate) ++n_late_;
  }
  connection->start();
}

void AsioServer::stop_accepting() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  const auto closed = std::make_shared<std::promise<void>>();
  const auto close = [this, closed] {
    error_code ignored;
    std::ignore = acceptor_.close(ignored);
    accept_retry_.cancel();
    closed->set_value();
  };
  if (io_threads_.empty()) {
    close();  // it never listened
  } else {
    asio::post(acceptor_.get_executor(), close);
  }
  closed->get_future().wait();
}

void AsioServer::stop_connections() {
  for (const auto& connection : connections()) connection->stop();
}

std::vector<std::shared_ptr<Connection>> AsioServer::connections() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Connection>> out;
  out.reserve(connections_.size());
  for (const auto& [key, connection] : connections_) out.push_back(connection);
  return out;
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Handler handler) {
  ONDOL_TRY_VOID(check_options(options));
  auto server = std::make_unique<AsioServer>(options, std::move(handler));
  ONDOL_TRY_VOID(server->listen());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace ondol::http
