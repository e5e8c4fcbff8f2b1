// A SentencePiece model (tokenizer.model), checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

struct SentencePieceModel {
  enum class Kind : std::uint8_t { kUnigram = 1, kBpe = 2 };
  enum class Type : std::uint8_t {
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,
    kUserDefined = 4,
    kUnused = 5,
    kByte = 6,
  };
  struct Piece {
    std::string text;  // valid UTF-8, not empty
    double score = 0;  // finite
    Type type = Type::kNormal;
  };

  Kind kind = Kind::kUnigram;
  std::vector<Piece> pieces;  // by id, each text once
  std::uint32_t unk_id = 0;
  std::string unk_piece;  // one of the pieces
  bool byte_fallback = false;
  std::string charsmap;  // SentencePiece's compiled normalization; empty: none
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
};

// Error(kBadInput), naming `where`: not a SentencePiece model or only a part of one, a model of
// words or characters, pieces that sentencepiece itself would refuse (empty, twice), text that is
// not UTF-8, scores that are no numbers.
SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& where);

// The number of code points in valid UTF-8.
std::size_t code_points(std::string_view text);
bool is_utf8(std::string_view text);

}  // namespace mlc
