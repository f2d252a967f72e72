// Encodes and decodes many texts with one tokenizer, for tokenizer_oracle.py,
// which compares the answers with Hugging Face's.
//
//   tokenizer_batch (json FILE | gguf FILE) TEXTS OUT
//
// json: FILE is a tokenizer.json. gguf: FILE is a vocabulary as the oracle
// writes it (see read_vocab). All numbers are u32, little-endian.
//   TEXTS = n_texts, then each: n_bytes, bytes
//   OUT   = for each text: ids plain, ids with add_special, ids without
//           parse_special, then the first two decoded with skip_special false
//           and true; ids are n, i32[n]; decoded text is n, bytes.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

#include "base/mapped_file.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

namespace ondol::text {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::uint32_t u32() {
    std::uint32_t value = 0;
    const std::string_view raw = take(4);
    std::memcpy(&value, raw.data(), raw.size());
    return value;
  }
  float f32() {
    float value = 0;
    const std::string_view raw = take(4);
    std::memcpy(&value, raw.data(), raw.size());
    return value;
  }
  std::string_view text() { return take(u32()); }

 private:
  std::string_view take(std::size_t n) {
    const std::string_view out = bytes_.substr(0, n);
    bytes_.remove_prefix(out.size());
    return out;
  }
  std::string_view bytes_;
};

// model, pre, n_tokens, then each: text, score f32, type; n_merges, each: text;
// bos + 1, eos + 1, unk + 1 (0: none), add_bos, add_eos, add_space_prefix.
GgufVocab read_vocab(std::string_view bytes) {
  Reader in(bytes);
  GgufVocab vocab;
  vocab.model = in.text();
  vocab.pre = in.text();
  for (std::uint32_t n = in.u32(); n > 0; --n) {
    vocab.tokens.push_back(in.text());
    vocab.scores.push_back(in.f32());
    vocab.types.push_back(static_cast<std::int32_t>(in.u32()));
  }
  for (std::uint32_t n = in.u32(); n > 0; --n) vocab.merges.push_back(in.text());
  for (auto* id : {&vocab.bos, &vocab.eos, &vocab.unk}) {
    const std::uint32_t raw = in.u32();
    if (raw != 0) *id = raw - 1;
  }
  vocab.add_bos = in.u32() != 0;
  vocab.add_eos = in.u32() != 0;
  vocab.add_space_prefix = in.u32() != 0;
  return vocab;
}

void put_u32(std::string& out, std::size_t value) {
  const auto narrow = static_cast<std::uint32_t>(value);
  out.append(reinterpret_cast<const char*>(&narrow), sizeof narrow);
}

void put_text(std::string& out, const std::string& text) {
  put_u32(out, text.size());
  out += text;
}

int complain(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
  return 1;
}

Result<void> run(const Tokenizer& tokenizer, std::string_view texts, std::string& out) {
  Reader in(texts);
  for (std::uint32_t n = in.u32(); n > 0; --n) {
    const std::string_view text = in.text();
    ONDOL_TRY(const auto plain, tokenizer.encode(text));
    ONDOL_TRY(const auto framed, tokenizer.encode(text, {true, true}));
    ONDOL_TRY(const auto literal, tokenizer.encode(text, {false, false}));
    for (const auto* ids : {&plain, &framed, &literal}) {
      put_u32(out, ids->size());
      out.append(reinterpret_cast<const char*>(ids->data()), ids->size() * sizeof(TokenId));
    }
    for (const auto* ids : {&plain, &framed}) {
      for (const bool skip : {false, true}) {
        put_text(out, replace_invalid_utf8(tokenizer.decode(*ids, skip)));
      }
    }
  }
  return {};
}

}  // namespace
}  // namespace ondol::text

int main(int argc, char** argv) {
  using namespace ondol;
  using namespace ondol::text;
  const std::span<char*> args(argv, static_cast<std::size_t>(argc));
  if (args.size() != 5) return 2;
  const auto source = read_text_file(args[2], std::size_t{1} << 30);
  if (!source) return complain(source.error());
  const auto texts = read_text_file(args[3], std::size_t{1} << 30);
  if (!texts) return complain(texts.error());
  const auto tokenizer = std::string_view(args[1]) == "gguf"
                             ? load_gguf_vocab(read_vocab(*source), args[2])
                             : load_tokenizer_json(*source, "", args[2]);
  if (!tokenizer) return complain(tokenizer.error());
  std::string out;
  if (const auto done = run(**tokenizer, *texts, out); !done) return complain(done.error());
  std::ofstream(args[4], std::ios::binary) << out;
  return 0;
}
