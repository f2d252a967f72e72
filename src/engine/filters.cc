#include "engine/filters.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/random.h"

namespace ondol::engine {
namespace {

bool better(const Ranked& a, const Ranked& b) {
  if (a.key != b.key) return a.key < b.key;
  return a.token < b.token;
}

double total_weight(const std::vector<Candidate>& candidates) {
  double total = 0;
  for (const Candidate& c : candidates) total += c.weight;
  return total;
}

// Keeps what is not worse than the last item that holds the wanted mass.
// key(candidate) must give the same number both times it is asked.
template <class Key>
void keep_mass(std::vector<Candidate>& candidates, double mass, FilterScratch& scratch, Key key) {
  scratch.ranked.clear();
  for (const Candidate& c : candidates) scratch.ranked.push_back({key(c), c.token, c.weight});
  const Ranked last = select_by_mass(scratch.ranked, mass);
  std::erase_if(candidates,
                [&](const Candidate& c) { return better(last, Ranked{key(c), c.token, 0}); });
}

}  // namespace

void collect_candidates(std::span<const float> logits, std::int32_t top_k,
                        std::vector<Candidate>& candidates, FilterScratch& scratch) {
  candidates.clear();
  constexpr float kForbidden = -std::numeric_limits<float>::infinity();
  Ranked worst{std::numeric_limits<double>::infinity(), 0, 0};
  if (top_k > 0 && static_cast<std::size_t>(top_k) < logits.size()) {
    // A heap of the best so far with the worst of them on top: most logits of a
    // vocabulary fail one comparison with it.
    std::vector<Ranked>& heap = scratch.ranked;
    heap.clear();
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (logits[i] == kForbidden) continue;
      const Ranked item{-static_cast<double>(logits[i]), static_cast<std::int32_t>(i), 0};
      if (heap.size() == static_cast<std::size_t>(top_k)) {
        if (!better(item, heap.front())) continue;
        std::pop_heap(heap.begin(), heap.end(), better);
        heap.pop_back();
      }
      heap.push_back(item);
      std::push_heap(heap.begin(), heap.end(), better);
    }
    if (heap.size() == static_cast<std::size_t>(top_k)) worst = heap.front();
  }
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == kForbidden) continue;
    const auto token = static_cast<std::int32_t>(i);
    if (better(worst, Ranked{-static_cast<double>(logits[i]), token, 0})) continue;
    candidates.push_back({token, logits[i], 0});
  }
}

void set_weights(std::vector<Candidate>& candidates) {
  float max_logit = candidates.front().logit;
  for (const Candidate& c : candidates) max_logit = std::max(max_logit, c.logit);
  for (Candidate& c : candidates) c.weight = std::exp(static_cast<double>(c.logit) - max_logit);
}

void keep_top_p(std::vector<Candidate>& candidates, double top_p, FilterScratch& scratch) {
  keep_mass(candidates, top_p * total_weight(candidates), scratch,
            [](const Candidate& c) { return -static_cast<double>(c.logit); });
}

void keep_typical(std::vector<Candidate>& candidates, double typical_p, FilterScratch& scratch) {
  // With p = w / W and ln w = logit - max: H = ln W - sum(w ln w) / W, and
  // |-ln p - H| = |sum(w ln w) / W - ln w|.
  double max_logit = candidates.front().logit;
  for (const Candidate& c : candidates) max_logit = std::max<double>(max_logit, c.logit);
  double total = 0;
  double sum_w_ln_w = 0;
  for (const Candidate& c : candidates) {
    total += c.weight;
    // A weight that underflowed to zero adds 0 * ln 0 = 0, not NaN: ln w is finite.
    sum_w_ln_w += c.weight * (c.logit - max_logit);
  }
  const double mean_ln_w = sum_w_ln_w / total;
  keep_mass(candidates, typical_p * total, scratch, [=](const Candidate& c) {
    return std::abs(mean_ln_w - (static_cast<double>(c.logit) - max_logit));
  });
}

void keep_min_p(std::vector<Candidate>& candidates, double min_p) {
  double max_weight = 0;
  for (const Candidate& c : candidates) max_weight = std::max(max_weight, c.weight);
  std::erase_if(candidates, [=](const Candidate& c) { return c.weight < min_p * max_weight; });
}

// Quickselect that weighs instead of counts: [begin, end) holds the border, and
// `mass` is what is still wanted of it. Pivots are drawn, for no order of logits
// may make it quadratic.
Ranked select_by_mass(std::span<Ranked> items, double mass) {
  std::size_t begin = 0;
  std::size_t end = items.size();
  for (std::uint64_t round = 0; end - begin > 1; ++round) {
    const std::size_t pick = begin + random_u64(items.size(), round) % (end - begin);
    std::swap(items[pick], items[end - 1]);
    const Ranked pivot = items[end - 1];
    std::size_t middle = begin;  // items before it are better than the pivot
    double upper = 0;
    for (std::size_t i = begin; i + 1 < end; ++i) {
      if (!better(items[i], pivot)) continue;
      upper += items[i].weight;
      std::swap(items[i], items[middle++]);
    }
    if (upper >= mass && middle > begin) {
      end = middle;
      continue;
    }
    if (upper + pivot.weight >= mass || middle + 1 == end) return pivot;
    mass -= upper + pivot.weight;
    std::swap(items[middle], items[end - 1]);
    begin = middle + 1;
  }
  return items[begin];
}

}  // namespace ondol::engine
