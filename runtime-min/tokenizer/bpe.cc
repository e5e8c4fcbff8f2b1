// Byte-pair encoding, as Hugging Face's tokenizers do it: a piece becomes characters, and merges
// join them. Characters without a token become bytes (byte_fallback), the unknown token, or
// nothing.
#include <array>
#include <limits>

#include "base/error.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/merge_word.h"
#include "runtime-min/tokenizer/token_model.h"

namespace mlc {
namespace {

constexpr std::uint32_t kNone = Vocabulary::kNone;

class Bpe : public TokenModel {
 public:
  explicit Bpe(const JsonNode& node)
      : vocabulary_(read_vocabulary(node.at("vocab"))), bytes_(byte_tokens(vocabulary_)) {
    if (std::optional<JsonNode> dropout = node.find("dropout"); dropout && dropout->number() != 0)
      dropout->wrong("null: encoding at random is for training");
    byte_fallback_ = node.boolean_at("byte_fallback", false);
    fuse_unk_ = node.boolean_at("fuse_unk", false);
    ignore_merges_ = node.boolean_at("ignore_merges", false);
    if (std::optional<JsonNode> unk = node.find("unk_token"); unk && !unk->string().empty())
      unk_ = named_token(*unk, vocabulary_);
    if (std::optional<JsonNode> prefix = node.find("continuing_subword_prefix"))
      prefix_ = prefix->string();
    if (std::optional<JsonNode> suffix = node.find("end_of_word_suffix"))
      suffix_ = suffix->string();
    read_merges(node.at("merges"));
    for (char32_t c = 0; c < characters_.size(); c++) {
      std::string text;
      append_character(text, c);
      characters_[c] = vocabulary_.find(text);
    }
  }

  void encode(std::string_view piece, std::vector<std::int32_t>& ids) const override {
    if (ignore_merges_)
      if (std::uint32_t id = vocabulary_.find(piece); id != kNone) {
        ids.push_back(static_cast<std::int32_t>(id));
        return;
      }
    std::vector<std::uint32_t> tokens;
    characters(piece, tokens);
    merge_word(merges_, tokens);
    for (std::uint32_t token : tokens)
      ids.push_back(static_cast<std::int32_t>(token));
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  void read_merges(const JsonNode& node) {
    simdjson::dom::array list;
    if (node.value().get(list) != simdjson::SUCCESS) node.wrong("an array");
    merges_ = PairTable(list.size());
    std::uint32_t rank = 0;
    std::string whole;
    for (simdjson::dom::element item : list) {
      std::array<std::string_view, 2> halves;
      if (!read_merge(item, halves))
        bad_input("{}[{}] is {}, expected two tokens", node.place(), rank,
                  printable(simdjson::minify(item), 60));
      whole = halves[0];
      whole += halves[1].substr(halves[1].starts_with(prefix_) ? prefix_.size() : 0);
      std::uint32_t left = token(node, rank, halves[0]);
      std::uint32_t right = token(node, rank, halves[1]);
      // A pair that is listed twice counts where it stands last.
      merges_.at(left, right) = {rank, token(node, rank, whole)};
      rank++;
    }
  }

  // ["a", "b"], or in older files "a b".
  static bool read_merge(simdjson::dom::element item, std::array<std::string_view, 2>& halves) {
    std::string_view text;
    if (item.get(text) == simdjson::SUCCESS) {
      std::size_t space = text.find(' ');
      if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos)
        return false;
      halves = {text.substr(0, space), text.substr(space + 1)};
      return true;
    }
    simdjson::dom::array pair;
    return item.get(pair) == simdjson::SUCCESS && pair.size() == 2 &&
           pair.at(0).get(halves[0]) == simdjson::SUCCESS &&
           pair.at(1).get(halves[1]) == simdjson::SUCCESS;
  }

  std::uint32_t token(const JsonNode& node, std::uint32_t rank, std::string_view text) const {
    std::uint32_t id = vocabulary_.find(text);
    if (id == kNone)
      bad_input("{}[{}] needs the token '{}', which the vocabulary does not have", node.place(),
                rank, printable(text, 60));
    return id;
  }

  // The token of a character with what its place in the piece adds.
  std::uint32_t character(std::string_view c, bool first, bool last, std::string& spelled) const {
    bool prefix = !first && !prefix_.empty();
    bool suffix = last && !suffix_.empty();
    if (!prefix && !suffix) {
      std::size_t at = 0;
      if (c.size() <= 2) return characters_[next_character(c, at)];
      return vocabulary_.find(c);
    }
    spelled.clear();
    if (prefix) spelled += prefix_;
    spelled += c;
    if (suffix) spelled += suffix_;
    return vocabulary_.find(spelled);
  }

  void characters(std::string_view piece, std::vector<std::uint32_t>& tokens) const {
    tokens.reserve(piece.size());
    std::string spelled;
    bool unknown = false;  // an unknown token waits: with fuse_unk a run of them is one
    for (std::size_t at = 0; at < piece.size();) {
      std::string_view c = piece.substr(at, utf8_length(piece[at]));
      bool first = at == 0;
      at += c.size();
      bool last = at == piece.size();
      std::uint32_t id = character(c, first, last, spelled);
      if (id != kNone) {
        if (unknown) tokens.push_back(unk_);
        unknown = false;
        tokens.push_back(id);
      } else if (byte_fallback_ &&
                 as_bytes((first || prefix_.empty()) && (!last || suffix_.empty()) ? c : spelled,
                          tokens)) {
        continue;
      } else if (unk_ != kNone) {
        if (unknown && !fuse_unk_) tokens.push_back(unk_);
        unknown = true;
      }
    }
    if (unknown) tokens.push_back(unk_);
  }

  bool as_bytes(std::string_view c, std::vector<std::uint32_t>& tokens) const {
    for (char byte : c)
      if (bytes_[static_cast<unsigned char>(byte)] == kNone) return false;
    for (char byte : c)
      tokens.push_back(bytes_[static_cast<unsigned char>(byte)]);
    return true;
  }

  Vocabulary vocabulary_;
  std::vector<std::uint32_t> bytes_;
  PairTable merges_;                                  // two ids to (rank, id)
  std::array<std::uint32_t, 0x800> characters_ = {};  // tokens of the characters of 1 or 2 bytes
  std::uint32_t unk_ = kNone;
  std::string prefix_;
  std::string suffix_;
  bool byte_fallback_ = false;
  bool fuse_unk_ = false;
  bool ignore_merges_ = false;
};

}  // namespace

std::unique_ptr<TokenModel> make_bpe(const JsonNode& node) { return std::make_unique<Bpe>(node); }

}  // namespace mlc
