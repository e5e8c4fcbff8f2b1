#include "genconfig/lists.h"

#include "genconfig/conv_template.h"
#include "models/presets.h"
#include "models/registry.h"

namespace mlc {
namespace {

template <class Values>
Json list_of(const Values& values) {
  Json list = Json::array();
  for (const auto& value : values)
    list.push(Json(value));
  return list;
}

}  // namespace

TextTable conv_template_table() {
  TextTable table({{"name", "template"},
                   {"user", "user"},
                   {"assistant", "assistant"},
                   {"stop_token_ids", "stop token ids"},
                   {"stop_str", ""}});
  for (const ConvTemplate& row : conv_templates())
    table.add(
        {row.name, row.user, row.assistant, list_of(row.stop_token_ids), list_of(row.stop_str)});
  return table;
}

TextTable chat_model_table() {
  TextTable table({{"model_type", "model type"},
                   {"model_task", "task"},
                   {"in_mlc_llm", "model library"},
                   {"also_detected_as", "also detected as"}});
  for (const Architecture* one : architectures()) {
    std::vector<std::string_view> also;
    for (std::string_view name : one->also_detected_as)
      if (!name.empty()) also.push_back(name);
    table.add(
        {one->model_type, one->embedding ? "embedding" : "chat", one->in_mlc_llm, list_of(also)});
  }
  return table;
}

TextTable preset_table() {
  TextTable table({{"name", "preset"}, {"model_type", "model type"}});
  for (const Preset& preset : presets()) {
    std::string name(preset.name);
    table.add({preset.name, *parse_json(preset.text, name).find("model_type")});
  }
  return table;
}

}  // namespace mlc
