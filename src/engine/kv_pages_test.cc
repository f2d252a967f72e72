#include "engine/kv_pages.h"

#include <gtest/gtest.h>

#include <set>

namespace ondol::engine {
namespace {

TEST(KvPages, AllOrNothing) {
  KvPages pages(4, 8);
  std::vector<std::int32_t> a;
  std::vector<std::int32_t> b;
  EXPECT_TRUE(pages.grow(a, 17));
  EXPECT_EQ(a.size(), 3U);
  EXPECT_TRUE(pages.grow(a, 24));  // has room already
  EXPECT_EQ(a.size(), 3U);
  EXPECT_FALSE(pages.grow(b, 9));
  EXPECT_TRUE(b.empty());
  EXPECT_EQ(pages.n_free(), 1);
  EXPECT_TRUE(pages.grow(b, 8));
  pages.release(a);
  EXPECT_TRUE(a.empty());
  EXPECT_EQ(pages.n_used(), 1);
  EXPECT_TRUE(pages.grow(b, 32));
  EXPECT_EQ(std::set<std::int32_t>(b.begin(), b.end()).size(), 4U);
}

TEST(KvPages, FreeingTwiceIsABug) {
  KvPages pages(4, 8);
  std::vector<std::int32_t> table;
  ASSERT_TRUE(pages.grow(table, 8));
  std::vector<std::int32_t> copy = table;
  pages.release(table);
  EXPECT_DEATH(pages.release(copy), "n_owners");
}

TEST(KvPages, ShrinksToWhatTokensNeed) {
  KvPages pages(4, 8);
  std::vector<std::int32_t> table;
  ASSERT_TRUE(pages.grow(table, 32));
  const std::vector<std::int32_t> all = table;
  pages.shrink(table, 17);
  EXPECT_EQ(table, (std::vector<std::int32_t>{all[0], all[1], all[2]}));
  EXPECT_EQ(pages.n_free(), 1);
  pages.shrink(table, 24);  // nothing to free
  pages.shrink(table, 100);
  EXPECT_EQ(table.size(), 3U);
  pages.shrink(table, 0);
  EXPECT_EQ(pages.n_used(), 0);
}

// Publishes a page that holds `tokens` behind `parent`.
std::int32_t publish(KvPages& pages, std::int32_t page, std::uint64_t key, std::int32_t parent,
                     const std::vector<std::int32_t>& tokens, std::uint64_t tenant = 1) {
  return pages.publish(page, {key, tenant, parent, tokens});
}

TEST(KvPages, PublishedPagesAreFoundUntilTheirRoomIsNeeded) {
  KvPages pages(3, 2);
  std::vector<std::int32_t> table;
  ASSERT_TRUE(pages.grow(table, 4));
  EXPECT_EQ(publish(pages, table[0], 100, kNoPage, {1, 2}), table[0]);
  EXPECT_EQ(publish(pages, table[1], 101, table[0], {3, 4}), table[1]);
  const std::vector<std::int32_t> kept = table;
  EXPECT_EQ(pages.tokens_up_to(kept[1]), (std::vector<std::int32_t>{1, 2, 3, 4}));
  pages.release(table);
  EXPECT_EQ(pages.n_used(), 0);
  EXPECT_EQ(pages.n_published(), 2);

  const std::vector<std::int32_t> first = {1, 2};
  const std::vector<std::int32_t> second = {3, 4};
  EXPECT_EQ(pages.find({100, 1, kNoPage, first}), kept[0]);
  EXPECT_EQ(pages.find({101, 1, kept[0], second}), kept[1]);

  // The blank one goes first, then the last page of the prefix, then its first.
  ASSERT_TRUE(pages.grow(table, 2));
  EXPECT_EQ(pages.n_published(), 2);
  ASSERT_TRUE(pages.grow(table, 4));
  EXPECT_EQ(table[1], kept[1]);
  EXPECT_EQ(pages.find({101, 1, kept[0], second}), kNoPage);
  EXPECT_EQ(pages.find({100, 1, kNoPage, first}), kept[0]);
  pages.share(kept[0]);
  std::vector<std::int32_t> more;
  EXPECT_FALSE(pages.grow(more, 1));  // owned pages are nobody else's
}

TEST(KvPages, EqualKeysAreNotEnough) {
  KvPages pages(8, 2);
  std::vector<std::int32_t> table;
  ASSERT_TRUE(pages.grow(table, 10));
  publish(pages, table[0], 100, kNoPage, {1, 2});
  publish(pages, table[1], 101, table[0], {3, 4});
  const std::vector<std::int32_t> same = {3, 4};
  const std::vector<std::int32_t> other = {3, 5};
  EXPECT_EQ(pages.find({101, 1, table[0], same}), table[1]);
  EXPECT_EQ(pages.find({101, 1, table[0], other}), kNoPage);  // other tokens
  EXPECT_EQ(pages.find({101, 2, table[0], same}), kNoPage);   // another's
  EXPECT_EQ(pages.find({101, 1, kNoPage, same}), kNoPage);    // behind other tokens
  EXPECT_EQ(pages.find({102, 1, table[0], same}), kNoPage);
  // A collision stays private, and so does what follows it.
  EXPECT_EQ(publish(pages, table[2], 101, table[0], other), table[2]);
  EXPECT_FALSE(pages.is_published(table[2]));
  EXPECT_EQ(publish(pages, table[3], 103, table[2], {6, 7}), table[3]);
  EXPECT_FALSE(pages.is_published(table[3]));
}

// A parent whose page was taken for other tokens is not the parent any more.
TEST(KvPages, ChildrenOfAForgottenPageAreNotFound) {
  KvPages pages(2, 1);
  std::vector<std::int32_t> table;
  ASSERT_TRUE(pages.grow(table, 1));
  const std::int32_t page = table[0];
  publish(pages, page, 100, kNoPage, {1});
  pages.release(table);
  std::vector<std::int32_t> all;
  ASSERT_TRUE(pages.grow(all, 2));
  EXPECT_EQ(pages.n_published(), 0);
  publish(pages, page, 200, kNoPage, {9});
  const std::vector<std::int32_t> tokens = {1};
  EXPECT_EQ(pages.find({100, 1, kNoPage, tokens}), kNoPage);
}

TEST(KvPages, WhoPublishesWhatIsThereTakesIt) {
  KvPages pages(4, 2);
  std::vector<std::int32_t> a;
  std::vector<std::int32_t> b;
  ASSERT_TRUE(pages.grow(a, 2));
  ASSERT_TRUE(pages.grow(b, 2));
  publish(pages, a[0], 100, kNoPage, {1, 2});
  b[0] = publish(pages, b[0], 100, kNoPage, {1, 2});
  EXPECT_EQ(b[0], a[0]);
  EXPECT_EQ(pages.n_used(), 1);
  pages.release(a);
  EXPECT_EQ(pages.n_used(), 1);  // b owns it still
  pages.release(b);
  EXPECT_EQ(pages.n_used(), 0);
  EXPECT_EQ(pages.n_published(), 1);
}

}  // namespace
}  // namespace ondol::engine
