// Inside of the evaluator: scopes and depth that end with a C++ block.
#pragma once

#include "text/jinja/evaluator.h"

namespace ondol::text::jinja {

class Evaluator::DepthGuard {
 public:
  explicit DepthGuard(Evaluator& evaluator) : evaluator_(evaluator) {
    const std::size_t limit = evaluator.run_.limits().depth;
    if (++evaluator.depth_ > limit) evaluator.run_.fail_limit("nested evaluations", limit);
  }
  ~DepthGuard() { --evaluator_.depth_; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

 private:
  Evaluator& evaluator_;
};

class Evaluator::ScopeGuard {
 public:
  ScopeGuard(Evaluator& evaluator, Scope* parent)
      : evaluator_(evaluator), previous_(evaluator.scope_) {
    if (evaluator.free_scopes_.empty()) {
      mine_ = &evaluator.pool_.emplace_back();
    } else {
      mine_ = evaluator.free_scopes_.back();
      evaluator.free_scopes_.pop_back();
    }
    mine_->parent = parent;
    evaluator.scope_ = mine_;
  }
  ~ScopeGuard() {
    evaluator_.scope_ = previous_;
    if (mine_->captured) return;
    mine_->names.clear();
    evaluator_.free_scopes_.push_back(mine_);
  }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;

 private:
  Evaluator& evaluator_;
  Scope* previous_;
  Scope* mine_ = nullptr;
};

}  // namespace ondol::text::jinja
