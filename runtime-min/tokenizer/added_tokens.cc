#include "runtime-min/tokenizer/added_tokens.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/unicode.h"

namespace mlc {
namespace {

// Where the character begins that ends at `end`.
std::size_t character_before(std::string_view text, std::size_t end) {
  do
    end--;
  while ((text[end] & 0xC0) == 0x80);
  return end;
}

std::size_t without_space_at_end(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t begin = character_before(text, end);
    std::size_t at = begin;
    if (!is_white_space(next_character(text, at))) break;
    end = begin;
  }
  return end;
}

std::size_t space_at_start(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size(); end = at)
    if (!is_white_space(next_character(text, at))) break;
  return end;
}

}  // namespace

AddedTokens::AddedTokens(const std::optional<JsonNode>& node, const Vocabulary& model,
                         const Normalizer* normalizer) {
  if (!node) return;
  for (const JsonNode& item : node->items())
    add(item, model, normalizer);
  if (std::any_of(tokens_.begin(), tokens_.end(), [](const Token& t) { return t.single_word; }))
    word_ = Pattern::from_pcre2("[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]",
                                node->place());
}

void AddedTokens::add(const JsonNode& node, const Vocabulary& model, const Normalizer* normalizer) {
  std::string_view content = node.string_at("content");
  JsonNode id_node = node.at("id");
  if (id_node.size() >= Vocabulary::kMaxIds)
    id_node.wrong(fmt::format("an id from 0 to {}", Vocabulary::kMaxIds - 1));
  auto id = static_cast<std::uint32_t>(id_node.size());
  if (content.empty()) return;  // Hugging Face's tokenizers leave it out
  if (std::uint32_t known = model.find(content); known != Vocabulary::kNone) id = known;
  switch (vocabulary_.add(content, id)) {
    case Vocabulary::Added::kYes:
      break;
    case Vocabulary::Added::kTextTwice:
      bad_input("{}: '{}' is added twice", node.place(), printable(content, 60));
    case Vocabulary::Added::kIdTwice:
      bad_input("{}: '{}' has the id {}, which '{}' has too", node.place(), printable(content, 60),
                id, printable(vocabulary_.text(id), 60));
  }
  if (node.boolean_at("special", false)) special_.add(content, id);
  bool normalized = node.boolean_at("normalized", true);
  auto value = static_cast<std::uint32_t>(tokens_.size());
  tokens_.push_back({static_cast<std::int32_t>(id), node.boolean_at("single_word", false),
                     node.boolean_at("lstrip", false), node.boolean_at("rstrip", false)});
  if (!normalized)
    raw_.add(content, value, node.place());
  else
    normalized_.add(normalizer == nullptr ? std::string(content) : normalizer->apply(content),
                    value, node.place());
}

bool AddedTokens::is_word_at_end(std::string_view text) const {
  return !text.empty() && is_word_at_start(text.substr(character_before(text, text.size())));
}

bool AddedTokens::is_word_at_start(std::string_view text) const {
  return !text.empty() && word_->cut(text.substr(0, utf8_length(text[0])))[0].matched;
}

std::vector<AddedTokens::Part> AddedTokens::cut(std::string_view text, const Trie& trie) const {
  std::vector<Part> parts;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size() && !trie.empty();) {
    std::size_t length = 0;
    std::uint32_t value = 0;
    trie.prefixes(text.substr(at), [&](std::size_t size, std::uint32_t found) {
      length = size;
      value = found;
    });
    if (length == 0) {
      at++;
      continue;
    }
    const Token& token = tokens_[value];
    std::size_t begin = at;
    std::size_t end = at + length;
    at = end;
    if (token.single_word &&
        (is_word_at_end(text.substr(0, begin)) || is_word_at_start(text.substr(end))))
      continue;
    if (token.lstrip) begin = std::max(done, without_space_at_end(text.substr(0, begin)));
    if (token.rstrip) end += space_at_start(text.substr(end));
    if (done < begin) parts.push_back({{done, begin}, std::nullopt});
    parts.push_back({{begin, end}, token.id});
    done = end;
  }
  if (done < text.size()) parts.push_back({{done, text.size()}, std::nullopt});
  return parts;
}

}  // namespace mlc
