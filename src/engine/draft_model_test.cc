#include "engine/draft_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "engine/random.h"
#include "engine/testing/fake_model.h"

namespace ondol::engine {
namespace {

// What the fake model says most likely, one after the other.
std::vector<std::int32_t> likeliest(std::vector<std::int32_t> tokens, std::size_t n) {
  std::vector<std::int32_t> out;
  while (out.size() < n) {
    const std::vector<float> logits = fake_logits(tokens);
    out.push_back(static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin()));
    tokens.push_back(out.back());
  }
  return out;
}

std::vector<std::int32_t> random_tokens(std::uint64_t seed, std::size_t n) {
  std::vector<std::int32_t> out;
  for (std::uint64_t i = 0; i < n; ++i) {
    out.push_back(static_cast<std::int32_t>(random_u64(seed, i) % 12));  // none is the poison
  }
  return out;
}

class DraftModelTest : public testing::Test {
 protected:
  std::unique_ptr<DraftModel> make(std::int64_t kv_tokens, std::int64_t max_context = 512,
                                   std::int64_t max_batch_tokens = 300) {
    auto model = std::make_unique<FakeModel>(max_context, max_batch_tokens);
    auto draft = DraftModel::create(std::move(model), device_, {kFakeVocab, kv_tokens});
    EXPECT_TRUE(draft) << draft.error().message();
    return std::move(*draft);
  }
  FakeDevice device_;
};

// Sequences that grow by what was guessed, by part of it, or by something else; the
// fake model itself checks slots and positions.
TEST_F(DraftModelTest, SaysTheLikeliestWhateverCameBefore) {
  const auto draft = make(20 * 512);
  std::map<std::uint64_t, std::vector<std::int32_t>> texts;
  std::uint64_t n_drawn = 0;
  const auto draw = [&](std::uint64_t n) { return random_u64(5, n_drawn++) % n; };
  for (int step = 0; step < 300; ++step) {
    if (texts.size() < 5) texts[draw(1000)] = random_tokens(draw(1000), 1 + draw(60));
    std::vector<DraftRequest> requests;
    for (auto& [id, text] : texts) {
      if (draw(4) == 0) continue;
      requests.push_back({id, text, static_cast<std::int64_t>(draw(9)), {3, 3}, {}});
    }
    draft->propose(requests);
    for (const DraftRequest& request : requests) {
      std::vector<std::int32_t>& text = texts.at(request.id);
      const auto n_wanted = static_cast<std::size_t>(request.n_wanted);
      ASSERT_EQ(request.guesses, likeliest(text, n_wanted));
      EXPECT_EQ(request.evidence, Evidence::kDraftModel);
      const std::size_t n_right = draw(request.guesses.size() + 1);
      text.insert(text.end(), request.guesses.begin(),
                  request.guesses.begin() + static_cast<std::ptrdiff_t>(n_right));
      text.push_back(static_cast<std::int32_t>(draw(12)));
    }
    std::erase_if(texts, [&](const auto& entry) {
      if (entry.second.size() < 400 && draw(50) != 0) return false;
      draft->forget(entry.first);
      return true;
    });
  }
}

TEST_F(DraftModelTest, CatchesUpInPieces) {
  const auto draft = make(2 * 1024, 1024);
  const std::vector<std::int32_t> text = random_tokens(1, 600);
  std::vector<DraftRequest> requests = {{1, text, 4, {}, {}}};
  for (int call = 0; call < 2; ++call) {
    draft->propose(requests);
    EXPECT_TRUE(requests[0].guesses.empty());
  }
  draft->propose(requests);
  EXPECT_EQ(requests[0].guesses, likeliest(text, 4));
}

TEST_F(DraftModelTest, KeepsToItsContext) {
  const auto draft = make(512, 40);
  for (const std::size_t n : {36, 38, 39, 40, 41, 50}) {
    const std::vector<std::int32_t> text = random_tokens(n, n);
    std::vector<DraftRequest> requests = {{n, text, 4, {}, {}}};
    draft->propose(requests);
    // The last guess is said, not computed.
    const std::size_t n_room = n > 40 ? 0 : std::min<std::size_t>(41 - n, 4);
    EXPECT_EQ(requests[0].guesses, likeliest(text, n_room)) << n;
  }
}

// Room for three sequences: those that are not asked about give way, then some get
// no guesses; all of it is found again.
TEST_F(DraftModelTest, ShortOfPages) {
  const auto draft = make(3 * 64);
  std::vector<std::vector<std::int32_t>> texts;
  for (std::uint64_t i = 0; i < 6; ++i) texts.push_back(random_tokens(i, 50));
  const auto n_guessed_for = [&](std::uint64_t first, std::uint64_t last) {
    std::vector<DraftRequest> requests;
    for (std::uint64_t i = first; i < last; ++i) requests.push_back({i, texts[i], 4, {}, {}});
    draft->propose(requests);
    std::size_t n = 0;
    for (const DraftRequest& request : requests) {
      if (request.guesses.empty()) continue;
      EXPECT_EQ(request.guesses, likeliest(texts[request.id], 4));
      ++n;
    }
    return n;
  };
  EXPECT_EQ(n_guessed_for(0, 3), 3U);
  EXPECT_EQ(n_guessed_for(3, 6), 3U);
  EXPECT_EQ(n_guessed_for(0, 6), 3U);
  for (std::uint64_t i = 0; i < 6; ++i) draft->forget(i);
  EXPECT_EQ(n_guessed_for(2, 5), 3U);
}

// A batch of less than the sequences and their tokens.
TEST_F(DraftModelTest, SmallBatches) {
  const auto draft = make(10 * 512, 512, 4);
  std::vector<std::vector<std::int32_t>> texts;
  for (std::uint64_t i = 0; i < 6; ++i) texts.push_back(random_tokens(i, 5));
  std::vector<bool> was_guessed_for(6);
  for (int call = 0; call < 12; ++call) {
    std::vector<DraftRequest> requests;
    for (std::uint64_t i = 0; i < 6; ++i) requests.push_back({i, texts[i], 4, {}, {}});
    draft->propose(requests);
    for (const DraftRequest& request : requests) {
      if (request.guesses.empty()) continue;
      EXPECT_EQ(request.guesses, likeliest(texts[request.id], 4));
      was_guessed_for[request.id] = true;
    }
  }
  EXPECT_TRUE(was_guessed_for[0] && was_guessed_for[3]);
}

TEST_F(DraftModelTest, AnotherVocabularyIsRefused) {
  auto model = std::make_unique<FakeModel>(512, 64);
  const auto refused = DraftModel::create(std::move(model), device_, {1000, 512});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused.error().value, std::to_string(kFakeVocab));
  EXPECT_EQ(refused.error().limit, "1000");
}

}  // namespace
}  // namespace ondol::engine
