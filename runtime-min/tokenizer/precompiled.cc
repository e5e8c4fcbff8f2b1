// SentencePiece's "precompiled_charsmap": a double-array trie from texts to their replacements.
//
//   u32 (little-endian)  bytes of the trie
//   u32[]                the trie's units
//   bytes                the replacements, each ended by a NUL
//
// A unit has, from the lowest bit: label (8 bits), whether a replacement ends here (bit 8), whether
// the offset is to be shifted by 8 (bit 9), offset (bits 10 to 30), and whether it is a value (bit
// 31); a value's lower 31 bits say where the replacement begins. (The layout of Darts-clone.)
#include <cstring>

#include "base/base64.h"
#include "base/error.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/normalizer.h"
#include "runtime-min/tokenizer/pattern_node.h"
#include "runtime-min/tokenizer/unicode.h"

namespace mlc {
namespace {

class Precompiled : public Normalizer {
 public:
  explicit Precompiled(const JsonNode& node) {
    std::optional<std::string> decoded = from_base64(node.string());
    if (!decoded) bad_input("{} is not base64", node.place());
    const std::string& bytes = *decoded;
    std::uint32_t size = 0;
    if (bytes.size() >= sizeof size) std::memcpy(&size, bytes.data(), sizeof size);
    if (bytes.size() < sizeof size || size > bytes.size() - sizeof size || size % 4 != 0 ||
        size == 0)
      bad_input("{} is damaged: {} bytes, of which {} should be a trie", node.place(), bytes.size(),
                size);
    units_.resize(size / 4);
    std::memcpy(units_.data(), bytes.data() + sizeof size, size);
    replacements_ = bytes.substr(sizeof size + size);
    if (find_invalid_utf8(replacements_) != std::string::npos)
      bad_input("{} is damaged: its replacements are not UTF-8", node.place());
  }

  // Graphemes of less than six bytes are looked up as a whole, then their characters. (Hugging
  // Face's way; SentencePiece itself takes the longest text in the table.)
  std::string apply(std::string_view text) const override {
    std::string out;
    std::size_t begin = 0;
    for (std::size_t end : grapheme_ends(text)) {
      std::string_view grapheme = text.substr(begin, end - begin);
      begin = end;
      check_growth(text.size(), out.size());
      if (grapheme.size() < 6)
        if (std::optional<std::string_view> found = replacement(grapheme)) {
          out += *found;
          continue;
        }
      for (std::size_t at = 0; at < grapheme.size();) {
        std::string_view part = grapheme.substr(at, utf8_length(grapheme[at]));
        out += replacement(part).value_or(part);
        at += part.size();
      }
    }
    return out;
  }

 private:
  static std::uint32_t offset(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); }

  // Of the shortest text in the table that the part begins with.
  std::optional<std::string_view> replacement(std::string_view part) const {
    std::uint32_t node = offset(units_[0]);
    for (char c : part) {
      auto byte = static_cast<unsigned char>(c);
      node ^= byte;
      if (byte == 0 || node >= units_.size()) return std::nullopt;
      std::uint32_t unit = units_[node];
      if ((unit & 0x800000FFu) != byte) return std::nullopt;
      node ^= offset(unit);
      if ((unit & 0x100u) == 0) continue;
      if (node >= units_.size()) return std::nullopt;
      std::uint32_t at = units_[node] & 0x7FFFFFFFu;
      // The table's text is valid as a whole, but this may point into a character.
      if (at >= replacements_.size() || (replacements_[at] & 0xC0) == 0x80) return std::nullopt;
      std::string_view rest = std::string_view(replacements_).substr(at);
      return rest.substr(0, rest.find('\0'));
    }
    return std::nullopt;
  }

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace

std::unique_ptr<Normalizer> make_precompiled(const JsonNode& node) {
  return std::make_unique<Precompiled>(node.at("precompiled_charsmap"));
}

}  // namespace mlc
