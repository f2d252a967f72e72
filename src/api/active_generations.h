// The generations in progress, so that a server that stops can end them all with a
// word. Threads: any; locks.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "api/errors.h"
#include "http/exchange.h"

namespace ondol::api {

class Stoppable {
 public:
  virtual ~Stoppable() = default;
  /// Ends with this answer, unless it has ended. On its exchange's strand.
  virtual void stop(const Refusal& why) = 0;
};

class ActiveGenerations {
 public:
  void add(std::weak_ptr<http::Exchange> exchange, std::weak_ptr<Stoppable> generation);
  /// Posts to each; does not wait.
  void stop_all(const Refusal& why);

 private:
  struct Entry {
    std::weak_ptr<http::Exchange> exchange;
    std::weak_ptr<Stoppable> generation;
  };
  std::mutex mutex_;
  std::vector<Entry> all_;  // those that have ended are dropped by add
};

}  // namespace ondol::api
