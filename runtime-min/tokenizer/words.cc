// WordPiece (BERT): the longest token at each place of a word. WordLevel: a word is a token.
#include "base/error.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/token_model.h"
#include "runtime-min/tokenizer/trie.h"

namespace mlc {
namespace {

constexpr std::uint32_t kNone = Vocabulary::kNone;

class WordPiece : public TokenModel {
 public:
  explicit WordPiece(const JsonNode& node)
      : vocabulary_(read_vocabulary(node.at("vocab"))),
        unk_(named_token(node.at("unk_token"), vocabulary_)),
        prefix_("##") {
    if (std::optional<JsonNode> prefix = node.find("continuing_subword_prefix"))
      prefix_ = prefix->string();
    std::optional<JsonNode> most = node.find("max_input_chars_per_word");
    most_characters_ = most ? most->size() : 100;
    for (std::uint32_t id = 0; id < vocabulary_.size(); id++) {
      if (!vocabulary_.has(id)) continue;
      std::string_view text = vocabulary_.text(id);
      begins_.add(text, id, node.place());
      if (text.starts_with(prefix_)) continues_.add(text.substr(prefix_.size()), id, node.place());
    }
  }

  void encode(std::string_view piece, std::vector<std::int32_t>& ids) const override {
    std::size_t before = ids.size();
    bool known = characters(piece) <= most_characters_;
    for (std::size_t at = 0; known && at < piece.size();) {
      std::uint32_t longest = kNone;
      std::size_t length = 0;
      (at == 0 ? begins_ : continues_)
          .prefixes(piece.substr(at), [&](std::size_t size, std::uint32_t id) {
            longest = id;
            length = size;
          });
      known = longest != kNone;
      ids.push_back(static_cast<std::int32_t>(longest));
      at += length;
    }
    // A word of which a part is unknown is unknown as a whole.
    if (known) return;
    ids.resize(before);
    ids.push_back(static_cast<std::int32_t>(unk_));
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  static std::size_t characters(std::string_view text) {
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size(); count++)
      at += utf8_length(text[at]);
    return count;
  }

  Vocabulary vocabulary_;
  std::uint32_t unk_;
  std::string prefix_;
  Trie begins_;
  Trie continues_;
  std::uint64_t most_characters_ = 0;
};

class WordLevel : public TokenModel {
 public:
  explicit WordLevel(const JsonNode& node)
      : vocabulary_(read_vocabulary(node.at("vocab"))), place_(node.place()) {
    if (std::optional<JsonNode> unk = node.find("unk_token"))
      unk_ = vocabulary_.find(unk->string());
  }

  void encode(std::string_view piece, std::vector<std::int32_t>& ids) const override {
    std::uint32_t id = vocabulary_.find(piece);
    if (id == kNone) id = unk_;
    if (id == kNone)
      bad_input("{} has no token for '{}' and no unknown token", place_, printable(piece, 60));
    ids.push_back(static_cast<std::int32_t>(id));
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
  std::uint32_t unk_ = kNone;
  std::string place_;
};

}  // namespace

std::unique_ptr<TokenModel> make_word_piece(const JsonNode& node) {
  return std::make_unique<WordPiece>(node);
}

std::unique_ptr<TokenModel> make_word_level(const JsonNode& node) {
  return std::make_unique<WordLevel>(node);
}

}  // namespace mlc
