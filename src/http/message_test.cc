#include "http/message.h"

#include <gtest/gtest.h>

#include "http/reply_head.h"

namespace ondol::http {
namespace {

TEST(Message, HeaderNamesIgnoreCase) {
  const Headers headers = {{"X-A", "1"}, {"x-a", "2"}, {"Host", ""}};
  EXPECT_EQ(find_header(headers, "x-A"), "1");
  EXPECT_EQ(find_header(headers, "HOST"), "");
  EXPECT_EQ(find_header(headers, "Hos"), std::nullopt);
}

TEST(Message, ReasonPhrases) {
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(799), "Unknown");
}

TEST(Message, SseEvent) {
  EXPECT_EQ(sse_event("{}"), "data: {}\n\n");
  EXPECT_EQ(sse_event("a\nb\r\nc\rd", "delta"),
            "event: delta\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(sse_event(""), "data: \n\n");
  EXPECT_EQ(sse_event("a\n"), "data: a\ndata: \n\n");
  EXPECT_EQ(sse_event("x", "a\ndata: injected"), "event: a\ndata: x\n\n");
}

TEST(ReplyHead, DateOfTheSpecification) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(ReplyHead, FramingIsOursAlone) {
  const Headers headers = {{"Content-Type", "text/plain"},
                           {"content-length", "999"},
                           {"Transfer-Encoding", "chunked"},
                           {"CONNECTION", "upgrade"},
                           {"X-Bad\r\nSet-Cookie", "a\r\nb: c"}};
  const std::string head = make_head(200, headers, {.content_length = 3}, "id-1");
  EXPECT_NE(head.find("\r\nContent-Length: 3\r\n"), std::string::npos);
  EXPECT_NE(head.find("\r\nx-request-id: id-1\r\n"), std::string::npos);
  EXPECT_NE(head.find("\r\nServer: ondol\r\n"), std::string::npos);
  EXPECT_NE(head.find("\r\nDate: "), std::string::npos);
  EXPECT_EQ(head.find("999"), std::string::npos);
  EXPECT_EQ(head.find("chunked"), std::string::npos);
  EXPECT_EQ(head.find("upgrade"), std::string::npos);
  EXPECT_EQ(head.find("\r\nSet-Cookie"), std::string::npos);
  EXPECT_EQ(head.find("\r\nb: c"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

TEST(ReplyHead, NoBodyNoLength) {
  const std::string head = make_head(204, {}, {.content_length = 3}, "");
  EXPECT_EQ(head.find("Content-Length"), std::string::npos);
}

}  // namespace
}  // namespace ondol::http
