#include "genconfig/tokenizer_json.h"

#include <algorithm>
#include <limits>

#include <simdjson.h>

#include "base/error.h"
#include "base/json.h"
#include "base/json_ignored.h"
#include "base/string_index.h"

namespace mlc {
namespace {

namespace dom = simdjson::dom;

// U+2581, which stands for a space in SentencePiece vocabularies.
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";
constexpr std::size_t kMaxDepth = 64;  // as JsonLimits has it

JsonLimits limits_for(const std::string& text) {
  JsonLimits limits;
  limits.max_bytes = text.size();  // the caller has bounded it
  limits.max_values = text.size();
  limits.nul_in_keys = true;  // a vocabulary may hold every character
  return limits;
}

class Reader {
 public:
  Reader(const std::string& text, const std::string& where) : text_(text), where_(where) {}

  TokenizerJson read(std::span<const std::string> also) {
    if (text_.find('\0') != std::string::npos) refuse_text("NUL byte");
    // One level more than allowed, because the parser counts the root value too; check_keys()
    // counts as base/json.h does.
    if (parser_.allocate(std::max<std::size_t>(text_.size(), 64), kMaxDepth + 1) !=
        simdjson::SUCCESS)
      bad_input("{}: {} bytes are too many for the json parser", where_, text_.size());
    dom::element root;
    if (auto error = parser_.parse(text_).get(root); error != simdjson::SUCCESS)
      refuse_text(simdjson::error_message(error));
    check_keys(root, 1, false);
    if (!root.is_object()) bad_input("{}: expected a json object, found {}", where_, kind(root));
    root_ = root;

    read_decoder();
    read_normalizer();
    count_tokens(also);
    return std::move(result_);
  }

 private:
  // base/json.h knows the byte and says what is wrong there; it refuses all that is refused here,
  // except integers beyond 64 bits.
  [[noreturn]] void refuse_text(std::string_view reason) {
    IgnoredJson ignore;
    parse_json_events(text_, where_, limits_for(text_), ignore);
    bad_input("{}: not json that can be read here: {}", where_, printable(reason));
  }

  static std::string_view kind(dom::element value) {
    switch (value.type()) {
      case dom::element_type::ARRAY:
        return "an array";
      case dom::element_type::OBJECT:
        return "an object";
      case dom::element_type::STRING:
        return "a string";
      case dom::element_type::BOOL:
        return "true or false";
      case dom::element_type::NULL_VALUE:
        return "null";
      default:
        return "a number";
    }
  }

  // simdjson lets keys that occur twice pass, so every object is looked through; only the
  // vocabulary waits for read_vocab_map(), which looks at its keys anyhow.
  void check_keys(dom::element value, std::size_t depth, bool is_model) {
    if (value.is_array() || value.is_object())
      if (depth > kMaxDepth) refuse_text("nested too deeply");
    if (value.is_array()) {
      dom::array items = value.get_array().value_unsafe();
      for (dom::element item : items)
        if (!item.is_string()) check_keys(item, depth + 1, false);
    } else if (value.is_object()) {
      dom::object object = value.get_object().value_unsafe();
      StringIndex keys(object.size());
      for (auto [key, member] : object) {
        if (!keys.insert(key).second) refuse_text("a key occurs twice");
        if (is_model && key == "vocab" && member.is_object()) continue;
        if (member.is_array() || member.is_object())
          check_keys(member, depth + 1, depth == 1 && key == "model");
      }
    }
  }

  // The member, unless it is absent or null.
  static std::optional<dom::element> find(dom::element object, std::string_view key) {
    dom::element value;
    if (object[key].get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
    return value;
  }

  std::string_view type_of(dom::element value, std::string_view what) {
    std::string_view type;
    if (!value.is_object() || value["type"].get(type) != simdjson::SUCCESS)
      bad_input("{}: {} must be an object whose type is a string", where_, what);
    return type;
  }

  // [value], or the parts of a Sequence; a Sequence within a Sequence is not opened.
  std::vector<dom::element> parts(dom::element value, std::string_view what,
                                  std::string_view list) {
    if (type_of(value, what) != "Sequence") return {value};
    dom::array items;
    if (value[list].get(items) != simdjson::SUCCESS)
      bad_input("{}: {} is a Sequence, so {}.{} must be an array", where_, what, what, list);
    std::vector<dom::element> result;
    for (dom::element item : items)
      result.push_back(item);
    return result;
  }

  void read_decoder() {
    std::optional<dom::element> decoder = find(root_, "decoder");
    if (!decoder || !decoder->is_object()) {
      result_.warnings.push_back(
          fmt::format("{} has no decoder, so token_postproc_method is byte_fallback", where_));
      return;
    }
    std::string_view method;
    for (dom::element part : parts(*decoder, "decoder", "decoders")) {
      std::string_view type = type_of(part, "decoder");
      if (type == "ByteLevel") method = "byte_level";
      if (type == "ByteFallback") method = "byte_fallback";
      if (type == "Strip") read_strip(part);
    }
    if (method.empty())
      result_.warnings.push_back(
          fmt::format("the decoder of {} is neither ByteLevel nor ByteFallback, so "
                      "token_postproc_method is byte_fallback",
                      where_));
    else
      result_.info.token_postproc_method = method;
  }

  void read_strip(dom::element strip) {
    std::string_view content;
    std::int64_t start = 0;
    std::int64_t stop = -1;
    bool known = strip["content"].get(content) == simdjson::SUCCESS &&
                 strip["start"].get(start) == simdjson::SUCCESS &&
                 strip["stop"].get(stop) == simdjson::SUCCESS;
    if (known && content == " " && start == 1 && stop == 0)
      result_.info.strip_space_in_decode = true;
  }

  void read_normalizer() {
    std::optional<dom::element> normalizer = find(root_, "normalizer");
    if (!normalizer || !normalizer->is_object()) return;
    for (dom::element part : parts(*normalizer, "normalizer", "normalizers")) {
      std::string_view prepend;
      if (type_of(part, "normalizer") == "Prepend" &&
          part["prepend"].get(prepend) == simdjson::SUCCESS && prepend == kSpaceMark)
        result_.info.prepend_space_in_encode = true;
    }
  }

  // Runtimes keep token ids in 32 bits with a sign.
  std::uint64_t token_id(dom::element value, std::string_view token) {
    constexpr std::uint64_t kMax = std::numeric_limits<std::int32_t>::max();
    std::uint64_t id = 0;
    if (value.get(id) != simdjson::SUCCESS || id > kMax)
      bad_input("{}: token '{}' has the id {}, expected an integer from 0 to {}", where_,
                printable(token), printable(simdjson::minify(value), 40), kMax);
    largest_id_ = std::max(largest_id_, id);
    return id;
  }

  // Runtimes take the byte from two characters that they do not look at further, so that another
  // than a digit makes a wrong byte or ends the program. A vocabulary of bytes has its own form.
  void check_byte_token(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return;
    if (result_.info.token_postproc_method != "byte_fallback") return;
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    if (kDigits.find(token[3]) == std::string_view::npos ||
        kDigits.find(token[4]) == std::string_view::npos)
      bad_input("{}: token '{}' must name a byte, <0x00> to <0xFF>", where_, printable(token));
  }

  void count_tokens(std::span<const std::string> also) {
    std::vector<std::string_view> added = read_added();
    std::optional<dom::element> model = find(root_, "model");
    std::optional<dom::element> vocab =
        model && model->is_object() ? find(*model, "vocab") : std::nullopt;
    if (!vocab || !(vocab->is_object() || vocab->is_array())) {
      result_.warnings.push_back(fmt::format(
          "{} has no model.vocab, so active_vocab_size is the model's vocab_size", where_));
      return;
    }
    StringIndex tokens;
    std::uint64_t repeated = 0;  // a list counts with its repetitions
    if (vocab->is_object())
      read_vocab_map(vocab->get_object().value_unsafe(), tokens);
    else
      repeated = read_vocab_list(vocab->get_array().value_unsafe(), tokens);
    for (std::string_view token : added)
      tokens.insert(token);
    warn_of_holes(tokens.size() + repeated);
    for (const std::string& token : also)
      tokens.insert(token);
    result_.tokens = tokens.size() + repeated;
  }

  std::vector<std::string_view> read_added() {
    std::vector<std::string_view> contents;
    std::optional<dom::element> list = find(root_, "added_tokens");
    if (!list) return contents;
    dom::array items;
    if (list->get(items) != simdjson::SUCCESS)
      bad_input("{}: added_tokens must be an array, found {}", where_, kind(*list));
    StringIndex seen;
    for (dom::element item : items) {
      std::string_view content;
      dom::element id;
      if (!item.is_object() || item["content"].get(content) != simdjson::SUCCESS ||
          item["id"].get(id) != simdjson::SUCCESS)
        bad_input("{}: added_tokens[{}] must be an object with content (a string) and id", where_,
                  contents.size());
      if (!seen.insert(content).second)
        bad_input(
            "{}: added_tokens has '{}' twice (duplicated vocab): the tokenizer of a checkpoint has "
            "each token once, so remove one of the two",
            where_, printable(content));
      check_byte_token(content);
      result_.added.emplace_back(content, static_cast<std::int64_t>(token_id(id, content)));
      contents.push_back(content);
    }
    return contents;
  }

  void read_vocab_map(dom::object vocab, StringIndex& tokens) {
    tokens = StringIndex(vocab.size());
    for (auto [token, id] : vocab) {
      token_id(id, token);
      check_byte_token(token);
      if (!tokens.insert(token).second) refuse_text("a token occurs twice");
    }
  }

  // Unigram: [[token, score], ...]; the id is the place.
  std::uint64_t read_vocab_list(dom::array vocab, StringIndex& tokens) {
    std::uint64_t count = 0;
    for (dom::element item : vocab) {
      dom::array pair;
      std::string_view token;
      if (item.get(pair) != simdjson::SUCCESS || pair.at(0).get(token) != simdjson::SUCCESS)
        bad_input("{}: model.vocab[{}] must be an array of a token and its score", where_, count);
      check_byte_token(token);
      tokens.insert(token);
      count++;
    }
    if (count > 0) largest_id_ = std::max(largest_id_, count - 1);
    return count - tokens.size();
  }

  // The size masks every id from it on when tokens are sampled.
  void warn_of_holes(std::uint64_t size) {
    if (largest_id_ >= size)
      result_.warnings.push_back(
          fmt::format("{} has {} tokens but ids up to {}: ids are missing, and as mlc_llm does, "
                      "active_vocab_size counts the tokens, so the last ids are never sampled",
                      where_, size, largest_id_));
  }

  const std::string& text_;
  const std::string& where_;
  dom::parser parser_;
  dom::element root_;
  std::uint64_t largest_id_ = 0;
  TokenizerJson result_;
};

}  // namespace

TokenizerJson read_tokenizer_json(const std::string& text, const std::string& where,
                                  std::span<const std::string> also) {
  std::string shown = printable(where, 1024);
  return Reader(text, shown).read(also);
}

}  // namespace mlc
