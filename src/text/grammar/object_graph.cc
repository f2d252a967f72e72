#include "text/grammar/object_graph.h"

#include <algorithm>
#include <compare>
#include <map>
#include <utility>

#include "text/grammar/code_points.h"

namespace ondol::text::grammar {
namespace {

constexpr std::size_t kMaxNodes = 20'000;

// Where an object stands between two members.
struct Place {
  std::uint32_t next = 0;        // declared property that may come next; their number: open keys
  std::uint32_t n_members = 0;   // as far as the upper bound cares
  std::uint32_t n_distinct = 0;  // keys that surely differ, as far as the lower bound cares
  bool open_seen = false;        // an open key
  bool any = false;              // a member, so that a comma comes first
  auto operator<=>(const Place&) const = default;
};

class Builder {
 public:
  Builder(Rules& rules, JsonText& json, const ObjectShape& shape)
      : rules_(rules),
        json_(json),
        shape_(shape),
        n_declared_(static_cast<std::uint32_t>(shape.properties.size())),
        quote_(rules.literal("\"")),
        close_(rules.seq({json.space(), rules.literal("}")})) {}

  std::optional<ExprId> run(Deadline& deadline) {
    graph_.start = graph_.node();
    end_ = graph_.node();
    graph_.ends = {end_};
    graph_.edge(graph_.start, rules_.seq({rules_.literal("{"), json_.space()}), node_of({}));
    if (shape_.min == 0 &&
        std::ranges::none_of(shape_.properties, &ObjectShape::Property::required)) {
      graph_.edge(graph_.start, rules_.seq({rules_.literal("{"), close_}), end_);
    }
    while (!open_.empty()) {
      if (graph_.n_nodes > kMaxNodes || deadline.passed()) return std::nullopt;
      const Place place = open_.back();
      open_.pop_back();
      add_end(place);
      add_member(place);
    }
    return rules_.graph(std::move(graph_));
  }

 private:
  bool declared(const Place& place) const { return place.next < n_declared_; }

  std::uint32_t node_of(const Place& place) {
    const auto [at, is_new] = nodes_.try_emplace(place, graph_.n_nodes);
    if (is_new) {
      graph_.node();
      open_.push_back(place);
    }
    return at->second;
  }

  // The object ends here, or an optional property is left out.
  void add_end(const Place& place) {
    const std::uint32_t from = nodes_.at(place);
    if (!declared(place)) {
      if (place.any && place.n_distinct >= shape_.min) graph_.edge(from, close_, end_);
    } else if (!shape_.properties[place.next].required) {
      Place skipped = place;
      ++skipped.next;
      graph_.edge(from, rules_.empty(), node_of(skipped));
    }
  }

  // The same key may come twice among the open ones, so they count once for the
  // lower bound.
  Place after_member(const Place& place) const {
    Place after = place;
    after.any = true;
    if (shape_.max != kNoBound) ++after.n_members;
    if (declared(place) || !place.open_seen)
      after.n_distinct = std::min(place.n_distinct + 1, shape_.min);
    after.open_seen = !declared(place);
    if (declared(place)) ++after.next;
    return after;
  }

  // What follows the comma is written once, for the first member and for others.
  void add_member(const Place& place) {
    if (shape_.max != kNoBound && place.n_members >= shape_.max) return;
    if (!declared(place) && shape_.open_keys.empty()) return;
    const Place after = after_member(place);
    const std::uint32_t to = node_of(after);
    const auto [member, is_new] = members_.try_emplace({after, declared(place)}, graph_.n_nodes);
    graph_.edge(nodes_.at(place), place.any ? json_.comma() : rules_.empty(), member->second);
    if (!is_new) return;
    graph_.node();
    if (declared(place)) {
      const ObjectShape::Property& property = shape_.properties[place.next];
      const ExprId name = rules_.literal(json_string_content(property.name));
      graph_.edge(member->second, rules_.seq({quote_, name, quote_, json_.colon(), property.value}),
                  to);
      return;
    }
    for (const ObjectShape::OpenKey& open : shape_.open_keys) {
      graph_.edge(member->second, rules_.seq({quote_, open.key, json_.colon(), open.value}), to);
    }
  }

  Rules& rules_;
  JsonText& json_;
  const ObjectShape& shape_;
  std::uint32_t n_declared_;
  ExprId quote_;
  ExprId close_;
  Graph graph_;
  std::uint32_t end_ = 0;
  std::map<Place, std::uint32_t> nodes_;
  std::map<std::pair<Place, bool>, std::uint32_t> members_;  // before a member's key
  std::vector<Place> open_;
};

}  // namespace

std::optional<ExprId> object_expr(Rules& rules, JsonText& json, const ObjectShape& shape,
                                  Deadline& deadline) {
  return Builder(rules, json, shape).run(deadline);
}

}  // namespace ondol::text::grammar
