// RWKV's tokenizer: the longest token at each byte. Its vocabulary is `tokenizer_model`, a msgpack
// map from ids to bytes.
#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/tokenizer.h"
#include "runtime-min/tokenizer/trie.h"
#include "runtime-min/tokenizer/vocabulary.h"

namespace mlc {
namespace {

// Reads the forms of msgpack that such a file can have: a map, unsigned integers, bytes or text.
class Unpacker {
 public:
  Unpacker(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  std::uint64_t map() {
    std::uint8_t tag = byte();
    if ((tag & 0xF0u) == 0x80u) return tag & 0x0Fu;
    if (tag == 0xDE) return number(2);
    if (tag == 0xDF) return number(4);
    wrong("a map from token ids to bytes", tag);
  }

  std::uint64_t integer() {
    std::uint8_t tag = byte();
    if (tag < 0x80) return tag;
    if (tag >= 0xCC && tag <= 0xCF) return number(std::size_t{1} << (tag - 0xCC));
    // Signed forms of numbers that are not negative.
    if (tag >= 0xD0 && tag <= 0xD3) {
      std::size_t size = std::size_t{1} << (tag - 0xD0);
      std::uint64_t value = number(size);
      if (value >> (8 * size - 1) == 0) return value;
    }
    wrong("a token id", tag);
  }

  std::string_view text() {
    std::uint8_t tag = byte();
    if ((tag & 0xE0u) == 0xA0u) return take(tag & 0x1Fu);
    if (tag >= 0xC4 && tag <= 0xC6) return take(number(std::size_t{1} << (tag - 0xC4)));
    if (tag >= 0xD9 && tag <= 0xDB) return take(number(std::size_t{1} << (tag - 0xD9)));
    wrong("the bytes of a token", tag);
  }

  void end() const {
    if (at_ != bytes_.size())
      bad_input("{}: {} bytes after the last token", where_, bytes_.size() - at_);
  }
  std::size_t left() const { return bytes_.size() - at_; }

 private:
  [[noreturn]] void wrong(std::string_view expected, std::uint8_t tag) const {
    bad_input("{}: byte {} is 0x{:02x}, expected {} in msgpack", where_, at_ - 1, tag, expected);
  }
  std::string_view take(std::uint64_t size) {
    if (size > left())
      bad_input("{}: ends early: {} bytes expected from byte {} on, found {}", where_, size, at_,
                left());
    std::string_view bytes = bytes_.substr(at_, size);
    at_ += size;
    return bytes;
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1)[0]); }
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (char c : take(size))
      value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
  }

  std::string_view bytes_;
  const std::string& where_;
  std::size_t at_ = 0;
};

// The end of a text has an id and no bytes, and is not in the vocabulary.
constexpr std::int32_t kEndOfText = 0;
constexpr std::string_view kEndOfTextName = "<|endoftext|>";

class Rwkv : public Tokenizer {
 public:
  Rwkv(std::string_view bytes, const std::string& where) : where_(where) {
    Unpacker unpacker(bytes, where);
    std::uint64_t count = unpacker.map();
    // A token takes two bytes at least.
    if (count > unpacker.left() / 2)
      bad_input("{}: ends early: {} tokens in {} bytes", where, count, unpacker.left());
    for (std::uint64_t i = 0; i < count; i++) {
      std::uint64_t id = unpacker.integer();
      std::string_view text = unpacker.text();
      if (id >= Vocabulary::kMaxIds)
        bad_input("{}: the token '{}' has the id {}, expected at most {}", where,
                  printable(text, 40), id, Vocabulary::kMaxIds - 1);
      auto number = static_cast<std::uint32_t>(id);
      Vocabulary::Added added = vocabulary_.add(text, number);
      if (added == Vocabulary::Added::kIdTwice)
        bad_input("{}: two tokens have the id {}", where, id);
      // Of two tokens with the same bytes the later one is meant, as in a map.
      if (added == Vocabulary::Added::kTextTwice) vocabulary_.point(text, number);
    }
    unpacker.end();
    if (count == 0) bad_input("{}: no tokens", where);
    for (std::uint32_t id = 0; id < vocabulary_.size(); id++)
      if (vocabulary_.has(id))
        trie_.add(vocabulary_.text(id), vocabulary_.find(vocabulary_.text(id)), where);
  }

  std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions&) const override {
    std::vector<std::int32_t> ids;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t length = 0;
      std::uint32_t longest = 0;
      trie_.prefixes(text.substr(at), [&](std::size_t size, std::uint32_t id) {
        length = size;
        longest = id;
      });
      if (length == 0)
        bad_input("{}: no token begins with the byte 0x{:02x}, which the text has at {}", where_,
                  static_cast<unsigned char>(text[at]), at);
      ids.push_back(static_cast<std::int32_t>(longest));
      at += length;
    }
    return ids;
  }

  std::string decode(std::span<const std::int32_t> ids,
                     const DecodeOptions& options) const override {
    std::string bytes;
    for (std::int32_t id : ids)
      if (!options.skip_special_tokens || !is_special(id)) bytes += token_bytes(id, false);
    return repair_utf8(bytes);
  }

  std::size_t vocab_size() const override { return vocabulary_.size(); }

  std::optional<std::string> token_text(std::int32_t id) const override {
    if (has(id)) return std::string(vocabulary_.text(static_cast<std::uint32_t>(id)));
    if (is_special(id)) return std::string(kEndOfTextName);
    return std::nullopt;
  }

  std::optional<std::int32_t> token_id(std::string_view text) const override {
    std::uint32_t id = vocabulary_.find(text);
    if (id != Vocabulary::kNone) return static_cast<std::int32_t>(id);
    if (text == kEndOfTextName && is_special(kEndOfText)) return kEndOfText;
    return std::nullopt;
  }

  std::string token_bytes(std::int32_t id, bool) const override {
    return has(id) ? std::string(vocabulary_.text(static_cast<std::uint32_t>(id))) : "";
  }

  bool is_special(std::int32_t id) const override { return id == kEndOfText && !has(id); }

 private:
  bool has(std::int32_t id) const {
    return id >= 0 && vocabulary_.has(static_cast<std::uint32_t>(id));
  }

  std::string where_;
  Vocabulary vocabulary_;
  Trie trie_;
};

}  // namespace

std::unique_ptr<Tokenizer> parse_rwkv_tokenizer(std::string_view bytes, const std::string& where) {
  return std::make_unique<Rwkv>(bytes, printable(where, 1024));
}

}  // namespace mlc
