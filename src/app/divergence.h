// How far one distribution over the vocabulary is from another, token by token.
//
// KL(p || q) = sum p log(p / q) in nats, p the reference's softmax and q the
// model's (Kullback and Leibler 1951); and whether both rank the same token
// first. Owner: the caller. Threads: plain values.
#pragma once

#include <cstdint>
#include <span>

namespace ondol::app {

/// Mean, standard error and maximum of what has been added (Welford 1962).
class Average {
 public:
  void add(double value);
  std::int64_t n() const { return n_; }
  double mean() const { return mean_; }
  double standard_error() const;
  double max() const { return max_; }

 private:
  std::int64_t n_ = 0;
  double mean_ = 0;
  double squares_ = 0;
  double max_ = 0;
};

/// -log p(token) under softmax(logits), summed in double.
double negative_log_likelihood(std::span<const float> logits, std::int32_t token);

/// KL(softmax(reference) || softmax(logits)), at least 0. REQUIRES: as many of
/// both.
double kl_divergence(std::span<const float> reference, std::span<const float> logits);

/// What has been added of pairs of logits.
struct Divergence {
  Average kl;
  std::int64_t n_same_top = 0;

  void add(std::span<const float> reference, std::span<const float> logits);
  double same_top_share() const;
};

}  // namespace ondol::app
