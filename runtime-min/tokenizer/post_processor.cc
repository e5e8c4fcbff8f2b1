#include "runtime-min/tokenizer/post_processor.h"

#include "base/error.h"
#include "runtime-min/tokenizer/vocabulary.h"

namespace mlc {
namespace {

std::int32_t token_id(const JsonNode& node) {
  if (node.size() >= Vocabulary::kMaxIds) node.wrong("a token id");
  return static_cast<std::int32_t>(node.size());
}

// "single": [{"SpecialToken": {"id": "<s>", ...}}, {"Sequence": {"id": "A", ...}}, ...]
void read_template(const JsonNode& node, SpecialAround& around) {
  std::optional<JsonNode> special = node.find("special_tokens");
  SpecialAround added;
  bool behind = false;
  for (const JsonNode& item : node.at("single").items()) {
    if (item.find("Sequence")) {
      if (behind) item.wrong("no second Sequence: a text is meant to stand once");
      behind = true;
      continue;
    }
    std::string_view name = item.at("SpecialToken").string_at("id");
    if (!special) bad_input("{} has no \"special_tokens\"", node.place());
    for (const JsonNode& id : special->at(name).at("ids").items())
      (behind ? added.after : added.before).push_back(token_id(id));
  }
  if (!behind) bad_input("{}: single has no Sequence, so no place for the text", node.place());
  // Of several templates in a sequence the later one is put around the earlier one.
  around.before.insert(around.before.begin(), added.before.begin(), added.before.end());
  around.after.insert(around.after.end(), added.after.begin(), added.after.end());
}

// "cls": ["[CLS]", 101]
std::int32_t pair_id(const JsonNode& node) {
  std::vector<JsonNode> pair = node.items();
  if (pair.size() != 2) node.wrong("a token and its id");
  return token_id(pair[1]);
}

void read(const JsonNode& node, SpecialAround& around) {
  std::string_view type = node.type();
  if (type == "Sequence") {
    for (const JsonNode& item : node.at("processors").items())
      read(item, around);
  } else if (type == "TemplateProcessing") {
    read_template(node, around);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    around.before.insert(around.before.begin(), pair_id(node.at("cls")));
    around.after.push_back(pair_id(node.at("sep")));
  } else if (type != "ByteLevel") {
    bad_input("{} has the type '{}', which is no post-processor known here", node.place(),
              printable(type, 60));
  }
}

}  // namespace

SpecialAround read_post_processor(const JsonNode& node) {
  SpecialAround around;
  read(node, around);
  return around;
}

}  // namespace mlc
