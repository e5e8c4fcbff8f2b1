#include "runtime-min/tokenizer/normalizer.h"

#include <array>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/byte_level.h"
#include "runtime-min/tokenizer/pattern.h"
#include "runtime-min/tokenizer/pattern_node.h"
#include "runtime-min/tokenizer/unicode.h"

namespace mlc {
namespace {

// A normalizer that is a function of the text alone.
template <class Function>
class Simple : public Normalizer {
 public:
  explicit Simple(Function function) : function_(std::move(function)) {}
  std::string apply(std::string_view text) const override { return function_(text); }

 private:
  Function function_;
};

template <class Function>
std::unique_ptr<Normalizer> simple(Function function) {
  return std::make_unique<Simple<Function>>(std::move(function));
}

// Keeps the characters for which `change` gives one; 0xFFFFFFFF drops.
constexpr char32_t kDrop = 0xFFFFFFFF;
template <class Change>
std::string change_characters(std::string_view text, Change change) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = change(next_character(text, at));
    if (c != kDrop) append_character(out, c);
  }
  return out;
}

template <NormalForm form>
std::unique_ptr<Normalizer> make_form(const JsonNode&) {
  return simple([](std::string_view text) { return normalize(text, form); });
}

std::unique_ptr<Normalizer> make_lower_case(const JsonNode&) { return simple(lower_case); }

std::unique_ptr<Normalizer> make_strip_accents(const JsonNode&) {
  return simple([](std::string_view text) {
    return change_characters(text, [](char32_t c) { return is_mark(c) ? kDrop : c; });
  });
}

std::unique_ptr<Normalizer> make_strip(const JsonNode& node) {
  bool left = node.boolean_at("strip_left", true);
  bool right = node.boolean_at("strip_right", true);
  return simple([left, right](std::string_view text) {
    std::size_t begin = text.size();
    std::size_t end = 0;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t before = at;
      if (is_white_space(next_character(text, at))) continue;
      begin = std::min(begin, before);
      end = at;
    }
    // White space only: either side alone takes all of it.
    if (begin == text.size()) return std::string(left || right ? "" : text);
    if (!left) begin = 0;
    if (!right) end = text.size();
    return std::string(text.substr(begin, end - begin));
  });
}

std::unique_ptr<Normalizer> make_prepend(const JsonNode& node) {
  return simple([prefix = std::string(node.string_at("prepend"))](std::string_view text) {
    return text.empty() ? std::string() : prefix + std::string(text);
  });
}

class Replace : public Normalizer {
 public:
  explicit Replace(const JsonNode& node)
      : pattern_(pattern_of(node.at("pattern"))), content_(node.string_at("content")) {}
  std::string apply(std::string_view text) const override {
    return pattern_.replace(text, content_);
  }

 private:
  TextPattern pattern_;
  std::string content_;
};

std::unique_ptr<Normalizer> make_replace(const JsonNode& node) {
  return std::make_unique<Replace>(node);
}

// The rules of Google's neural machine translation, as SentencePiece's nmt_nfkc has them: control
// characters go, and what separates words somewhere becomes a space.
std::unique_ptr<Normalizer> make_nmt(const JsonNode&) {
  return simple([](std::string_view text) {
    return change_characters(text, [](char32_t c) -> char32_t {
      if ((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
          c == 0x8F || c == 0x9F)
        return kDrop;
      if (c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
          (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
          c == 0xFEFF || c == 0xFFFD)
        return ' ';
      return c;
    });
  });
}

std::unique_ptr<Normalizer> make_byte_level(const JsonNode&) {
  return simple([](std::string_view text) {
    std::string out;
    for (char c : text)
      out += byte_characters()[static_cast<unsigned char>(c)];
    return out;
  });
}

std::string clean_text(std::string_view text) {
  return change_characters(text, [](char32_t c) -> char32_t {
    if (c == '\t' || c == '\n' || c == '\r') return ' ';
    if (c == 0 || c == 0xFFFD || is_other(c)) return kDrop;
    return is_white_space(c) ? U' ' : c;
  });
}

std::string space_ideographs(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = next_character(text, at);
    if (is_cjk_ideograph(c)) out += ' ';
    append_character(out, c);
    if (is_cjk_ideograph(c)) out += ' ';
  }
  return out;
}

std::unique_ptr<Normalizer> make_bert(const JsonNode& node) {
  bool clean = node.boolean_at("clean_text", true);
  bool ideographs = node.boolean_at("handle_chinese_chars", true);
  bool lower = node.boolean_at("lowercase", true);
  bool strip = node.boolean_at("strip_accents", lower);  // null: as lowercase
  return simple([=](std::string_view text) {
    std::string out(text);
    if (clean) out = clean_text(out);
    if (ideographs) out = space_ideographs(out);
    if (strip)
      out = change_characters(normalize(out, NormalForm::kNfd),
                              [](char32_t c) { return is_nonspacing_mark(c) ? kDrop : c; });
    return lower ? lower_case(out) : out;
  });
}

class Sequence : public Normalizer {
 public:
  explicit Sequence(const JsonNode& node) {
    for (const JsonNode& item : node.at("normalizers").items())
      parts_.push_back(make_normalizer(item));
  }
  std::string apply(std::string_view text) const override {
    std::string out(text);
    for (const auto& part : parts_)
      out = part->apply(out);
    return out;
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

std::unique_ptr<Normalizer> make_sequence(const JsonNode& node) {
  return std::make_unique<Sequence>(node);
}

struct Row {
  std::string_view type;
  std::unique_ptr<Normalizer> (*make)(const JsonNode&);
};

constexpr std::array kNormalizers = {
    Row{"Sequence", make_sequence},
    Row{"NFC", make_form<NormalForm::kNfc>},
    Row{"NFD", make_form<NormalForm::kNfd>},
    Row{"NFKC", make_form<NormalForm::kNfkc>},
    Row{"NFKD", make_form<NormalForm::kNfkd>},
    Row{"Lowercase", make_lower_case},
    Row{"Strip", make_strip},
    Row{"StripAccents", make_strip_accents},
    Row{"Prepend", make_prepend},
    Row{"Replace", make_replace},
    Row{"Precompiled", make_precompiled},
    Row{"Nmt", make_nmt},
    Row{"ByteLevel", make_byte_level},
    Row{"BertNormalizer", make_bert},
};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(const JsonNode& node) {
  std::string_view type = node.type();
  for (const Row& row : kNormalizers)
    if (row.type == type) return row.make(node);
  bad_input("{} has the type '{}', which is no normalizer known here", node.place(),
            printable(type, 60));
}

}  // namespace mlc
