#include "runtime-min/tokenizer/pattern_node.h"

#include "base/error.h"

namespace mlc {

void check_growth(std::size_t before, std::size_t after) {
  constexpr std::size_t kMost = std::size_t{1} << 28;
  if (after > kMost && after / 8 > before)
    bad_input("the tokenizer's replacements make more than {} bytes of {}", kMost, before);
}

std::vector<Match> TextPattern::cut(std::string_view text) const {
  if (pattern_) return pattern_->cut(text);
  std::vector<Match> pieces;
  std::size_t done = 0;
  while (done < text.size()) {
    std::size_t found = text.find(literal_, done);
    if (found == std::string_view::npos) break;
    if (found > done) pieces.push_back({{done, found}, false});
    done = found + literal_.size();
    pieces.push_back({{found, done}, true});
  }
  if (done < text.size()) pieces.push_back({{done, text.size()}, false});
  return pieces;
}

std::string TextPattern::replace(std::string_view text, std::string_view content) const {
  std::string out;
  for (const Match& piece : cut(text)) {
    out +=
        piece.matched ? content : text.substr(piece.span.begin, piece.span.end - piece.span.begin);
    check_growth(text.size(), out.size());
  }
  return out;
}

TextPattern pattern_of(const JsonNode& node) {
  auto literal = [](const JsonNode& text) {
    if (text.string().empty()) text.wrong("a text to look for");
    return TextPattern(std::string(text.string()));
  };
  if (node.is_string()) return literal(node);
  if (std::optional<JsonNode> text = node.find("String")) return literal(*text);
  if (std::optional<JsonNode> regex = node.find("Regex"))
    return TextPattern(Pattern::from_ruby(regex->string(), regex->place()));
  bad_input("{} must be {{\"String\": ...}} or {{\"Regex\": ...}}", node.place());
}

}  // namespace mlc
