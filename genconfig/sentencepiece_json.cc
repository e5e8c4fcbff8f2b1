#include "genconfig/sentencepiece_json.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "base/string_index.h"
#include "genconfig/json_text.h"

namespace mlc {
namespace {

using Family = SentencePieceFamily;
using Kind = SentencePieceModel::Kind;
using Type = SentencePieceModel::Type;

// U+2581, which stands for a space in the pieces.
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

struct Merge {
  double score;
  std::uint32_t left_length;  // in code points
  std::uint32_t right_length;
  std::uint32_t left;  // ids
  std::uint32_t right;
  std::uint32_t whole;
  std::uint32_t left_bytes;
};

// One conversion: pieces with their final names, then the added tokens, then the text.
class Conversion {
 public:
  Conversion(const SentencePieceModel& model, Family family, const TokenizerConfig& config,
             const std::string& where, const std::string& config_where)
      : model_(model),
        family_(family),
        config_(config),
        where_(where),
        config_where_(config_where),
        original_(model.pieces.size()),
        names_(model.pieces.size()) {
    for (const SentencePieceModel::Piece& piece : model.pieces)
      original_.insert(piece.text);
  }

  ConvertedTokenizer run() {
    name_special();
    name_pieces();
    add_tokens();
    if (family_ != Family::kGeneric) warn_of_normalization();

    Json head = Json::object();
    head.set("version", "1.0").set("truncation", Json()).set("padding", Json());
    Json added = Json::array();
    for (const auto& [id, token] : added_)
      added.push(added_token_json(id, token));
    head.set("added_tokens", std::move(added))
        .set("normalizer", normalizer())
        .set("pre_tokenizer", pre_tokenizer())
        .set("post_processor", post_processor())
        .set("decoder", decoder());
    result_.json = with_model(head, model_.kind == Kind::kBpe ? bpe_model() : unigram_model());
    return std::move(result_);
  }

 private:
  // The family's own special tokens, where the config does not name others.
  void name_special() {
    auto set = [&](std::string_view role, std::optional<AddedToken>& token, std::string_view name) {
      const TokenizerConfig::Special* given = config_.find(role);
      if (given != nullptr)
        token = given->token;
      else if (!name.empty())
        token = AddedToken{.content = std::string(name)};
    };
    bool gemma = family_ == Family::kGemma;
    bool llama = family_ == Family::kLlama;
    set("bos_token", bos_, gemma ? "<bos>" : llama ? "<s>" : "");
    set("eos_token", eos_, gemma ? "<eos>" : llama ? "</s>" : "");
    set("unk_token", unk_, llama || gemma ? "<unk>" : std::string_view(model_.unk_piece));
    set("pad_token", pad_, gemma ? "<pad>" : "");
  }

  // The two families give the ids 0 to 2 names of their own: Gemma by role, Llama by the added
  // tokens of the config. A name that another piece has already is not given twice.
  void name_pieces() {
    for (const SentencePieceModel::Piece& piece : model_.pieces)
      pieces_.push_back({piece.text, piece.score});
    if (family_ == Family::kGeneric) {
      index_names();
      return;
    }
    const std::array<const std::optional<AddedToken>*, 3> roles = {&pad_, &eos_, &bos_};
    for (std::size_t id = 0; id < 3 && id < pieces_.size(); id++) {
      pieces_[id].score = 0;
      std::optional<std::string> name;
      if (family_ == Family::kGemma && *roles[id]) name = (*roles[id])->content;
      if (family_ == Family::kLlama)
        for (const TokenizerConfig::Numbered& added : config_.added)
          if (added.id == id) name = added.token.content;
      if (name && original_.find(*name) == StringIndex::kNone) pieces_[id].text = *name;
    }
    // Early Gemma models have the tab only as a byte.
    if (family_ == Family::kGemma && original_.find("\t") == StringIndex::kNone) {
      std::uint32_t byte = original_.find("<0x09>");
      if (byte != StringIndex::kNone) {
        pieces_[byte] = {"\t", 0.0};
        tab_ = byte;
      }
    }
    index_names();
  }

  void index_names() {
    for (std::size_t id = 0; id < pieces_.size(); id++)
      if (!names_.insert(pieces_[id].text).second)
        bad_input("{}: two pieces are named '{}'", where_, printable(pieces_[id].text, 40));
  }

  // In the order in which transformers adds them: what comes later changes the flags of what is
  // there, and what is new takes the next id.
  void add_tokens() {
    for (std::size_t id = 0; id < model_.pieces.size(); id++) {
      const SentencePieceModel::Piece& piece = model_.pieces[id];
      bool control = piece.type == Type::kControl;
      if (!control && piece.type != Type::kUserDefined) continue;
      bool special = control || (family_ == Family::kGemma && (piece.text == "<start_of_turn>" ||
                                                               piece.text == "<end_of_turn>"));
      // Matched in the normalized text, as SentencePiece does, or each match would end a text whose
      // parts are normalized alone, with a space in front (see scheme()).
      bool in_normalized = family_ == Family::kGeneric && !special;
      has_words_ = has_words_ || in_normalized;
      add({.content = pieces_[id].text, .normalized = in_normalized, .special = special});
    }
    for (const TokenizerConfig::Numbered& added : config_.added) {
      AddedToken token = added.token;
      token.special = token.special || is_special(token.content);
      std::uint64_t id = add(token);
      if (id != added.id)
        bad_input(
            "{}: the added token '{}' has the id {}, but in a tokenizer.json made from {} it would "
            "have {}; use a checkpoint that has a tokenizer.json",
            config_where_, printable(token.content), added.id, where_, id);
    }
    for (const std::optional<AddedToken>* token : {&bos_, &eos_, &unk_, &pad_})
      if (*token) add_if_new(**token);
    for (const TokenizerConfig::Special& special : config_.special)
      if (special.token) add_if_new(*special.token);
  }

  bool is_special(const std::string& content) const {
    auto is = [&](const std::optional<AddedToken>& t) { return t && t->content == content; };
    return is(bos_) || is(eos_) || is(unk_) || is(pad_) ||
           std::any_of(config_.special.begin(), config_.special.end(),
                       [&](const auto& s) { return is(s.token); });
  }

  std::uint64_t add(const AddedToken& token) {
    std::uint64_t id = id_of(token.content);
    added_.insert_or_assign(id, token);
    return id;
  }

  void add_if_new(const AddedToken& token) { added_.try_emplace(id_of(token.content), token); }

  std::uint64_t id_of(const std::string& content) {
    std::uint32_t id = names_.find(content);
    if (id != StringIndex::kNone) return id;
    return new_ids_.try_emplace(content, pieces_.size() + new_ids_.size()).first->second;
  }

  // What the model does to text before it splits it, and the family's tokenizer.json does not.
  void warn_of_normalization() {
    std::string lost;
    auto lose = [&](std::string_view what) {
      if (!lost.empty()) lost += ", ";
      lost += what;
    };
    if (!model_.charsmap.empty()) lose("normalizes Unicode");
    if (model_.remove_extra_whitespaces) lose("removes extra spaces");
    bool prefix = family_ == Family::kLlama && config_.add_prefix_space.value_or(true);
    if (model_.add_dummy_prefix != prefix)
      lose(prefix ? "puts no space before the text" : "puts a space before the text");
    if (!lost.empty())
      result_.warnings.push_back(fmt::format(
          "the SentencePiece model {} {}; the tokenizer.json made from it does not, as in "
          "transformers, so some texts get other tokens",
          where_, lost));
  }

  bool legacy() const { return config_.legacy.value_or(true); }
  bool prefix_space() const { return config_.add_prefix_space.value_or(true); }

  static Json replace(std::string_view from, std::string_view to) {
    Json pattern = Json::object();
    pattern.set("String", from);
    Json json = typed("Replace");
    json.set("pattern", std::move(pattern)).set("content", to);
    return json;
  }

  static Json sequence(std::string_view name, std::vector<Json> parts) {
    Json list = Json::array();
    for (Json& part : parts)
      list.push(std::move(part));
    Json json = typed("Sequence");
    json.set(std::string(name), std::move(list));
    return json;
  }

  static Json metaspace(std::string_view scheme, bool split) {
    Json json = typed("Metaspace");
    json.set("replacement", kSpaceMark).set("prepend_scheme", scheme).set("split", split);
    return json;
  }

  Json normalizer() const {
    if (family_ == Family::kGemma) return replace(" ", kSpaceMark);
    std::vector<Json> parts;
    if (family_ == Family::kLlama) {
      if (!legacy()) return {};
      if (prefix_space()) {
        parts.push_back(typed("Prepend"));
        parts.back().set("prepend", kSpaceMark);
      }
      parts.push_back(replace(" ", kSpaceMark));
      return sequence("normalizers", std::move(parts));
    }
    if (!model_.charsmap.empty()) {
      parts.push_back(typed("Precompiled"));
      parts.back().set("precompiled_charsmap", to_base64(model_.charsmap));
    }
    parts.push_back(typed("Strip"));
    parts.back().set("strip_left", false).set("strip_right", true);
    Json spaces = Json::object();
    spaces.set("Regex", " {2,}");
    parts.push_back(typed("Replace"));
    parts.back().set("pattern", std::move(spaces)).set("content", kSpaceMark);
    return sequence("normalizers", std::move(parts));
  }

  // Where the tokenizer puts a space of its own.
  std::string_view scheme() const {
    if (!prefix_space()) return "never";
    return legacy() && !has_words_ ? "always" : "first";
  }

  Json pre_tokenizer() const {
    if (family_ == Family::kGeneric) return metaspace(scheme(), true);
    if (family_ == Family::kLlama) return legacy() ? Json() : metaspace(scheme(), false);
    Json space = Json::object();
    space.set("String", " ");
    Json json = typed("Split");
    json.set("pattern", std::move(space))
        .set("behavior", "MergedWithPrevious")
        .set("invert", false);
    return json;
  }

  Json decoder() const {
    if (family_ == Family::kGeneric) return metaspace(scheme(), true);
    std::vector<Json> parts = {replace(kSpaceMark, " "), typed("ByteFallback"), typed("Fuse")};
    if (family_ == Family::kLlama && prefix_space()) {
      parts.push_back(typed("Strip"));
      parts.back().set("content", " ").set("start", 1).set("stop", 0);
    }
    return sequence("decoders", std::move(parts));
  }

  // [bos] A [eos], and for a pair [bos] A [eos] [bos] B [eos].
  Json post_processor() {
    if (family_ == Family::kGeneric) return {};
    bool begin = bos_ && config_.add_bos_token.value_or(true);
    bool end = eos_ && config_.add_eos_token.value_or(false);
    auto part = [](std::string_view kind, std::string_view id, int type_id) {
      Json inner = Json::object();
      inner.set("id", id).set("type_id", type_id);
      Json outer = Json::object();
      outer.set(std::string(kind), std::move(inner));
      return outer;
    };
    auto add_text = [&](Json& list, std::string_view text, int type_id) {
      if (begin) list.push(part("SpecialToken", bos_->content, type_id));
      list.push(part("Sequence", text, type_id));
      if (end) list.push(part("SpecialToken", eos_->content, type_id));
    };
    Json single = Json::array();
    add_text(single, "A", 0);
    Json pair = Json::array();
    add_text(pair, "A", 0);
    add_text(pair, "B", 1);
    std::map<std::string, std::uint64_t> ids;  // written in order of the names
    if (begin) ids.emplace(bos_->content, id_of(bos_->content));
    if (end) ids.emplace(eos_->content, id_of(eos_->content));
    Json special = Json::object();
    for (const auto& [name, id] : ids) {
      Json id_list = Json::array();
      id_list.push(id);
      Json names = Json::array();
      names.push(name);
      Json token = Json::object();
      token.set("id", name).set("ids", std::move(id_list)).set("tokens", std::move(names));
      special.set(name, std::move(token));
    }
    Json json = typed("TemplateProcessing");
    json.set("single", std::move(single))
        .set("pair", std::move(pair))
        .set("special_tokens", std::move(special));
    return json;
  }

  // The id of a half of a merge: pieces count by their original names.
  std::uint32_t half(std::string_view text) const {
    std::uint32_t id = original_.find(text);
    return id == StringIndex::kNone && text == "\t" ? tab_ : id;
  }

  // Every way to put a piece together from two others, best first.
  std::vector<Merge> merges() const {
    std::vector<Merge> all;
    for (std::size_t id = 0; id < pieces_.size(); id++) {
      const Named& piece = pieces_[id];
      std::size_t first = all.size();
      auto length = static_cast<std::uint32_t>(code_points(piece.text));
      std::uint32_t left_length = 0;
      for (std::size_t i = 1; i < piece.text.size(); i++) {
        if ((static_cast<unsigned char>(piece.text[i]) & 0xC0u) == 0x80u) continue;
        left_length++;
        std::string_view text = piece.text;
        std::uint32_t left = half(text.substr(0, i));
        if (left == StringIndex::kNone) continue;
        std::uint32_t right = half(text.substr(i));
        if (right == StringIndex::kNone) continue;
        all.push_back({piece.score, left_length, length - left_length, left, right,
                       static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(i)});
      }
      std::sort(all.begin() + static_cast<std::ptrdiff_t>(first), all.end(),
                [](const Merge& a, const Merge& b) {
                  return a.left != b.left ? a.left < b.left : a.right < b.right;
                });
    }
    std::stable_sort(all.begin(), all.end(), [](const Merge& a, const Merge& b) {
      if (a.score != b.score) return a.score > b.score;
      if (a.left_length != b.left_length) return a.left_length > b.left_length;
      return a.right_length > b.right_length;
    });
    return all;
  }

  std::string bpe_model() const {
    std::string text =
        "{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": " +
        json_string(model_.unk_piece) +
        ",\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n"
        "    \"fuse_unk\": true,\n    \"byte_fallback\": " +
        (family_ == Family::kGeneric ? "false" : "true") +
        ",\n    \"ignore_merges\": false,\n    \"vocab\": {";
    for (std::size_t id = 0; id < pieces_.size(); id++)
      text += (id == 0 ? "\n      " : ",\n      ") + json_string(pieces_[id].text) + ": " +
              std::to_string(id);
    text += "\n    },\n    \"merges\": [";
    bool any = false;
    for (const Merge& merge : merges()) {
      text += any ? ",\n      [\n        " : "\n      [\n        ";
      std::string_view whole = pieces_[merge.whole].text;
      text += json_string(whole.substr(0, merge.left_bytes)) + ",\n        " +
              json_string(whole.substr(merge.left_bytes)) + "\n      ]";
      any = true;
    }
    return text + (any ? "\n    ]\n  }" : "]\n  }");
  }

  std::string unigram_model() const {
    std::uint64_t unk = family_ == Family::kLlama   ? 0
                        : family_ == Family::kGemma ? 3
                                                    : std::uint64_t{model_.unk_id};
    if (unk >= pieces_.size())
      bad_input("{}: {} pieces, expected the unknown token at id {}", where_, pieces_.size(), unk);
    std::string text = "{\n    \"type\": \"Unigram\",\n    \"unk_id\": " + std::to_string(unk) +
                       ",\n    \"vocab\": [";
    for (std::size_t id = 0; id < pieces_.size(); id++) {
      text += id == 0 ? "\n      [\n        " : ",\n      [\n        ";
      text += json_string(pieces_[id].text) + ",\n        " + serde_double(pieces_[id].score) +
              "\n      ]";
    }
    text += "\n    ],\n    \"byte_fallback\": ";
    text += family_ == Family::kGeneric ? "false" : "true";
    return text + "\n  }";
  }

  struct Named {
    std::string text;
    double score;
  };

  const SentencePieceModel& model_;
  Family family_;
  const TokenizerConfig& config_;
  const std::string& where_;
  const std::string& config_where_;
  StringIndex original_;       // the model's own names
  std::vector<Named> pieces_;  // with their final names
  StringIndex names_;
  std::uint32_t tab_ = StringIndex::kNone;  // the byte piece that became the tab
  bool has_words_ = false;  // a Unigram model's words of its user, which nothing may join or cut
  std::optional<AddedToken> bos_;
  std::optional<AddedToken> eos_;
  std::optional<AddedToken> unk_;
  std::optional<AddedToken> pad_;
  std::map<std::uint64_t, AddedToken> added_;
  std::map<std::string, std::uint64_t> new_ids_;  // tokens that are no pieces
  ConvertedTokenizer result_;
};

}  // namespace

ConvertedTokenizer sentencepiece_to_json(const SentencePieceModel& model,
                                         SentencePieceFamily family, const TokenizerConfig& config,
                                         const std::string& where,
                                         const std::string& config_where) {
  std::string shown = printable(where, 1024);
  std::string config_shown = printable(config_where, 1024);
  return Conversion(model, family, config, shown, config_shown).run();
}

}  // namespace mlc
