// SentencePiece's Unigram model: of all ways to cut a piece into tokens, the one with the largest
// sum of scores. Found by Viterbi's method, in doubles and in the order in which Hugging Face's
// tokenizers add, so that equal sums decide alike.
#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/token_model.h"
#include "runtime-min/tokenizer/trie.h"

namespace mlc {
namespace {

constexpr std::uint32_t kNone = Vocabulary::kNone;

class Unigram : public TokenModel {
 public:
  explicit Unigram(const JsonNode& node) {
    byte_fallback_ = node.boolean_at("byte_fallback", false);
    read_vocab(node.at("vocab"));
    if (std::optional<JsonNode> unk = node.find("unk_id")) {
      if (unk->size() >= scores_.size())
        bad_input("{} is {}, but the vocabulary has {} tokens", unk->place(), unk->size(),
                  scores_.size());
      unk_ = static_cast<std::uint32_t>(unk->size());
    }
    bytes_ = byte_tokens(vocabulary_);
    place_ = node.place();
  }

  void encode(std::string_view piece, std::vector<std::int32_t>& ids) const override {
    std::vector<Best> best = best_paths(piece);
    std::vector<Span> tokens;  // last one first
    for (std::size_t end = piece.size(); end > 0; end = best[end].begin) {
      // Neighbouring unknown characters are one unknown token.
      bool unknown = unk_ != kNone && best[end].id == unk_;
      if (unknown && !tokens.empty() && tokens.back().unknown)
        tokens.back().begin = best[end].begin;
      else
        tokens.push_back({best[end].begin, end, unknown});
    }
    for (auto token = tokens.rbegin(); token != tokens.rend(); ++token)
      add(piece.substr(token->begin, token->end - token->begin), ids);
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  struct Best {
    double score = 0;
    std::size_t begin = std::numeric_limits<std::size_t>::max();  // of the last token; none yet
    std::uint32_t id = kNone;
  };
  struct Span {
    std::size_t begin;
    std::size_t end;
    bool unknown;
  };

  void read_vocab(const JsonNode& node) {
    simdjson::dom::array list;
    if (node.value().get(list) != simdjson::SUCCESS) node.wrong("an array");
    for (simdjson::dom::element item : list) {
      auto id = static_cast<std::uint32_t>(scores_.size());
      simdjson::dom::array pair;
      std::string_view text;
      double score = 0;
      if (item.get(pair) != simdjson::SUCCESS || pair.size() != 2 ||
          pair.at(0).get(text) != simdjson::SUCCESS || pair.at(1).get(score) != simdjson::SUCCESS)
        bad_input("{}[{}] is {}, expected a token and its score", node.place(), id,
                  printable(simdjson::minify(item), 60));
      if (id >= Vocabulary::kMaxIds)
        bad_input("{} has more than {} tokens", node.place(), Vocabulary::kMaxIds);
      // Of two tokens with one text the later one is meant.
      if (vocabulary_.add(text, id) == Vocabulary::Added::kTextTwice) vocabulary_.point(text, id);
      scores_.push_back(score);
      least_ = std::min(least_, score);
    }
    for (std::uint32_t id = 0; id < scores_.size(); id++)
      trie_.add(vocabulary_.text(id), vocabulary_.find(vocabulary_.text(id)), node.place());
  }

  // The best path to each byte that ends a character.
  std::vector<Best> best_paths(std::string_view piece) const {
    constexpr double kUnknownPenalty = 10;
    std::vector<Best> best(piece.size() + 1);
    auto offer = [&](std::size_t begin, std::size_t end, double score, std::uint32_t id) {
      if (best[end].begin <= end && score <= best[end].score) return;
      best[end] = {score, begin, id};
    };
    for (std::size_t at = 0; at < piece.size();) {
      std::size_t length = utf8_length(piece[at]);
      double before = best[at].score;
      bool whole_character = false;
      trie_.prefixes(piece.substr(at), [&](std::size_t size, std::uint32_t id) {
        offer(at, at + size, scores_[id] + before, id);
        whole_character = whole_character || size == length;
      });
      if (!whole_character) {
        if (unk_ == kNone)
          bad_input("{} has no token for '{}' and no unknown token", place_,
                    printable(piece.substr(at, length)));
        offer(at, at + length, least_ - kUnknownPenalty + before, unk_);
      }
      at += length;
    }
    return best;
  }

  void add(std::string_view text, std::vector<std::int32_t>& ids) const {
    std::uint32_t id = vocabulary_.find(text);
    if (id != kNone) {
      ids.push_back(static_cast<std::int32_t>(id));
      return;
    }
    bool all_bytes = byte_fallback_ && std::all_of(text.begin(), text.end(), [&](char byte) {
                       return bytes_[static_cast<unsigned char>(byte)] != kNone;
                     });
    if (!all_bytes) {
      ids.push_back(static_cast<std::int32_t>(unk_));
      return;
    }
    for (char byte : text)
      ids.push_back(static_cast<std::int32_t>(bytes_[static_cast<unsigned char>(byte)]));
  }

  Vocabulary vocabulary_;
  Trie trie_;
  std::vector<double> scores_;  // by id
  double least_ = std::numeric_limits<double>::infinity();
  std::vector<std::uint32_t> bytes_;
  std::uint32_t unk_ = kNone;
  bool byte_fallback_ = false;
  std::string place_;
};

}  // namespace

std::unique_ptr<TokenModel> make_unigram(const JsonNode& node) {
  return std::make_unique<Unigram>(node);
}

}  // namespace mlc
