#include "genconfig/sentencepiece.h"

#include <cmath>

#include "base/error.h"
#include "base/string_index.h"
#include "sentencepiece_model.pb.h"

namespace mlc {
namespace {

// Gemma's 262,144 pieces are 4.7 MB. A piece takes two bytes in a hostile file and about a hundred
// in memory.
constexpr std::size_t kMaxBytes = std::size_t{16} << 20;
// SentencePiece learns pieces of at most 16 characters unless told otherwise; longer ones are given
// by users. Looking for merges costs the square of it.
constexpr std::size_t kMaxPiece = 1024;

SentencePieceModel::Kind kind_of(int model_type, const std::string& where) {
  switch (model_type) {
    case 1:
      return SentencePieceModel::Kind::kUnigram;
    case 2:
      return SentencePieceModel::Kind::kBpe;
    case 3:
    case 4:
      bad_input(
          "{}: the SentencePiece model is of type {}; only BPE and UNIGRAM models have a "
          "tokenizer.json",
          where, model_type == 3 ? "WORD" : "CHAR");
    default:
      bad_input(
          "{}: the SentencePiece model is of the unknown type {}, expected UNIGRAM (1) or BPE (2)",
          where, model_type);
  }
}

SentencePieceModel::Piece piece_of(sentencepiece::Piece& from, int id, const std::string& where) {
  SentencePieceModel::Piece piece;
  piece.text = std::move(*from.mutable_text());
  piece.score = from.score();
  if (piece.text.empty()) bad_input("{}: piece {} is empty", where, id);
  if (piece.text.size() > kMaxPiece)
    bad_input("{}: piece {} has {} bytes, the limit is {}", where, id, piece.text.size(),
              kMaxPiece);
  if (!is_utf8(piece.text))
    bad_input("{}: piece {} ('{}') is not valid UTF-8", where, id, printable(piece.text, 40));
  if (!std::isfinite(piece.score))
    bad_input("{}: piece {} ('{}') has the score {}, expected a finite number", where, id,
              printable(piece.text, 40), piece.score);
  if (from.type() < 1 || from.type() > 6)
    bad_input("{}: piece {} ('{}') is of type {}, expected 1 to 6", where, id,
              printable(piece.text, 40), from.type());
  piece.type = static_cast<SentencePieceModel::Type>(from.type());
  return piece;
}

}  // namespace

std::size_t code_points(std::string_view text) {
  std::size_t count = 0;
  for (char c : text)
    count += (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;  // not a continuation byte
  return count;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    unsigned lead = byte(i);
    std::size_t size = lead < 0x80   ? 1u
                       : lead < 0xC2 ? 0u
                       : lead < 0xE0 ? 2u
                       : lead < 0xF0 ? 3u
                       : lead < 0xF5 ? 4u
                                     : 0u;
    if (size == 0 || text.size() - i < size) return false;
    for (std::size_t k = 1; k < size; k++)
      if ((byte(i + k) & 0xC0u) != 0x80u) return false;
    // Longer than needed, surrogates, beyond U+10FFFF.
    if (lead == 0xE0 && byte(i + 1) < 0xA0) return false;
    if (lead == 0xED && byte(i + 1) > 0x9F) return false;
    if (lead == 0xF0 && byte(i + 1) < 0x90) return false;
    if (lead == 0xF4 && byte(i + 1) > 0x8F) return false;
    i += size;
  }
  return true;
}

SentencePieceModel read_sentencepiece_model(std::string_view bytes,
                                            const std::string& where_given) {
  std::string where = printable(where_given, 1024);
  if (bytes.size() > kMaxBytes)
    bad_input("{}: {} bytes of SentencePiece model, the limit is {}", where, bytes.size(),
              kMaxBytes);
  sentencepiece::Model read;
  if (!read.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    bad_input(
        "{}: not a SentencePiece model: its {} bytes are no whole protobuf message; the file is "
        "truncated, damaged or of another kind",
        where, bytes.size());
  if (read.pieces_size() == 0) bad_input("{}: not a SentencePiece model: it has no pieces", where);

  SentencePieceModel model;
  model.kind = kind_of(read.trainer().model_type(), where);
  model.byte_fallback = read.trainer().byte_fallback();
  model.unk_piece = read.trainer().unk_piece();
  model.charsmap = read.normalizer().precompiled_charsmap();
  model.add_dummy_prefix = read.normalizer().add_dummy_prefix();
  model.remove_extra_whitespaces = read.normalizer().remove_extra_whitespaces();
  model.pieces.reserve(static_cast<std::size_t>(read.pieces_size()));
  for (int id = 0; id < read.pieces_size(); id++)
    model.pieces.push_back(piece_of(*read.mutable_pieces(id), id, where));

  StringIndex ids(model.pieces.size());
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    auto [first, is_new] = ids.insert(piece.text);
    if (!is_new)
      bad_input("{}: pieces {} and {} are both '{}'", where, first, ids.size(),
                printable(piece.text, 40));
  }
  int unk = read.trainer().unk_id();
  if (unk < 0 || unk >= read.pieces_size())
    bad_input("{}: unk_id is {}, expected one of the {} pieces", where, unk, read.pieces_size());
  model.unk_id = static_cast<std::uint32_t>(unk);
  if (ids.find(model.unk_piece) == StringIndex::kNone)
    bad_input("{}: unk_piece '{}' is not one of the pieces", where, printable(model.unk_piece, 40));
  return model;
}

}  // namespace mlc
