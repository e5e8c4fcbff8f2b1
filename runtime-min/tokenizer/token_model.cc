#include "runtime-min/tokenizer/token_model.h"

#include <array>

#include "base/error.h"

namespace mlc {
namespace {

struct Row {
  std::string_view type;
  std::unique_ptr<TokenModel> (*make)(const JsonNode&);
};

constexpr std::array kModels = {
    Row{"BPE", make_bpe},
    Row{"Unigram", make_unigram},
    Row{"WordPiece", make_word_piece},
    Row{"WordLevel", make_word_level},
};

// Files of early versions have no type.
std::string_view type_of(const JsonNode& node) {
  if (std::optional<JsonNode> type = node.find("type")) return type->string();
  if (node.find("merges")) return "BPE";
  if (node.at("vocab").is_array()) return "Unigram";
  return node.find("max_input_chars_per_word") ? "WordPiece" : "WordLevel";
}

}  // namespace

std::unique_ptr<TokenModel> make_token_model(const JsonNode& node) {
  std::string_view type = type_of(node);
  for (const Row& row : kModels)
    if (row.type == type) return row.make(node);
  bad_input("{} has the type '{}', expected BPE, Unigram, WordPiece or WordLevel", node.place(),
            printable(type, 60));
}

Vocabulary read_vocabulary(const JsonNode& node) {
  simdjson::dom::object members;
  if (node.value().get(members) != simdjson::SUCCESS) node.wrong("an object");
  Vocabulary vocabulary;
  for (auto [text, value] : members) {
    std::uint64_t id = 0;
    if (value.get(id) != simdjson::SUCCESS || id >= Vocabulary::kMaxIds)
      bad_input("{}: the id of '{}' is {}, expected an integer from 0 to {}", node.place(),
                printable(text, 40), printable(simdjson::minify(value), 40),
                Vocabulary::kMaxIds - 1);
    switch (vocabulary.add(text, static_cast<std::uint32_t>(id))) {
      case Vocabulary::Added::kYes:
        break;
      case Vocabulary::Added::kTextTwice:
        bad_input("{} has the token '{}' twice", node.place(), printable(text, 40));
      case Vocabulary::Added::kIdTwice:
        bad_input("{} gives the id {} to '{}' and to '{}'", node.place(), id,
                  printable(vocabulary.text(static_cast<std::uint32_t>(id)), 40),
                  printable(text, 40));
    }
  }
  return vocabulary;
}

std::uint32_t named_token(const JsonNode& name, const Vocabulary& vocabulary) {
  std::uint32_t id = vocabulary.find(name.string());
  if (id == Vocabulary::kNone)
    bad_input("{} is '{}', which the vocabulary does not have", name.place(),
              printable(name.string(), 60));
  return id;
}

std::vector<std::uint32_t> byte_tokens(const Vocabulary& vocabulary) {
  std::vector<std::uint32_t> ids;
  for (unsigned byte = 0; byte < 256; byte++)
    ids.push_back(vocabulary.find(fmt::format("<0x{:02X}>", byte)));
  return ids;
}

}  // namespace mlc
