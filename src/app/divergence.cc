#include "app/divergence.h"

#include <algorithm>
#include <cmath>

namespace ondol::app {
namespace {

struct Softmax {
  double largest;
  double log_sum;  // of exp(logit - largest)
};

Softmax softmax(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return {largest, std::log(sum)};
}

auto top(std::span<const float> logits) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

}  // namespace

void Average::add(double value) {
  max_ = n_ == 0 ? value : std::max(max_, value);
  ++n_;
  const double delta = value - mean_;
  mean_ += delta / static_cast<double>(n_);
  squares_ += delta * (value - mean_);
}

double Average::standard_error() const {
  const auto n = static_cast<double>(n_);
  return n_ < 2 ? 0 : std::sqrt(squares_ / (n - 1) / n);
}

double negative_log_likelihood(std::span<const float> logits, std::int32_t token) {
  const Softmax s = softmax(logits);
  return s.log_sum - (logits[static_cast<std::size_t>(token)] - s.largest);
}

double kl_divergence(std::span<const float> reference, std::span<const float> logits) {
  const Softmax p = softmax(reference);
  const Softmax q = softmax(logits);
  double sum = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double log_p = reference[i] - p.largest - p.log_sum;
    const double log_q = logits[i] - q.largest - q.log_sum;
    sum += std::exp(log_p) * (log_p - log_q);
  }
  return std::max(sum, 0.0);  // rounding alone makes it less
}

void Divergence::add(std::span<const float> reference, std::span<const float> logits) {
  kl.add(kl_divergence(reference, logits));
  if (top(reference) == top(logits)) ++n_same_top;
}

double Divergence::same_top_share() const {
  return kl.n() == 0 ? 0 : static_cast<double>(n_same_top) / static_cast<double>(kl.n());
}

}  // namespace ondol::app
