#include "api/active_generations.h"

#include <utility>

namespace ondol::api {

void ActiveGenerations::add(std::weak_ptr<http::Exchange> exchange,
                            std::weak_ptr<Stoppable> generation) {
  const std::lock_guard lock(mutex_);
  // Looked through each time that it is full: a constant share of the work of adding.
  if (all_.size() == all_.capacity()) {
    std::erase_if(all_, [](const Entry& entry) { return entry.generation.expired(); });
    all_.reserve(2 * all_.size() + 16);
  }
  all_.push_back({std::move(exchange), std::move(generation)});
}

void ActiveGenerations::stop_all(const Refusal& why) {
  std::vector<Entry> all;
  {
    const std::lock_guard lock(mutex_);
    all = all_;
  }
  for (const Entry& entry : all) {
    const auto exchange = entry.exchange.lock();
    if (!exchange) continue;
    exchange->post([weak = entry.generation, why] {
      if (const auto generation = weak.lock()) generation->stop(why);
    });
  }
}

}  // namespace ondol::api
