#include "genconfig/choose_template.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"
#include "base/spelling.h"

namespace mlc {
namespace {

using Texts6 = Few<std::string_view>;

// Holds if everything in it does; what is empty is not asked for. Order counts: what is more
// special comes first.
struct Rule {
  std::string_view row;
  Texts6 types = {};               // one of these model types
  Texts6 marks = {};               // all of these in chat_template
  Texts6 name = {};                // one of these in the name, in lower case
  std::string_view bos = {};       // the token that begins a text
  std::string_view eos = {};       // a token that ends one
  Few<std::int32_t> eos_ids = {};  // one of these does
  bool no_chat_template = false;
};

constexpr Rule kRules[] = {
    // By the marks of the checkpoint's own template.
    {.row = "llama-4", .marks = {"<|header_start|>"}},
    {.row = "llama-3_1", .marks = {"<|start_header_id|>", "ipython"}},
    {.row = "llama-3", .types = {"llama"}, .marks = {"<|start_header_id|>"}},
    {.row = "deepseek_r1_qwen", .types = {"qwen2"}, .marks = {"<｜User｜>"}},
    {.row = "deepseek_r1_llama", .types = {"llama"}, .marks = {"<｜User｜>"}},
    {.row = "deepseek_v3", .types = {"deepseek_v3"}, .marks = {"<｜User｜>"}},
    {.row = "deepseek_v2", .types = {"deepseek_v2"}},
    {.row = "deepseek", .types = {"deepseek"}},
    {.row = "hermes3_llama-3_1",
     .types = {"llama"},
     .marks = {"<|im_start|>"},
     .name = {"hermes-3", "hermes3"}},
    {.row = "hermes2_pro_llama3",
     .types = {"llama"},
     .marks = {"<|im_start|>"},
     .name = {"hermes-2-pro", "hermes2-pro", "hermes-2-theta"}},
    {.row = "open_hermes_mistral", .types = {"mistral"}, .name = {"openhermes"}},
    {.row = "neural_hermes_mistral", .types = {"mistral"}, .name = {"neuralhermes"}},
    {.row = "qwen3_5", .types = {"qwen3_5", "qwen3_5_text"}},
    {.row = "qwen3", .types = {"qwen3", "qwen3_moe"}, .marks = {"<|im_start|>"}},
    {.row = "qwen2", .types = {"qwen2", "qwen2_moe"}, .marks = {"<|im_start|>"}},
    {.row = "chatml", .marks = {"<|im_start|>", "<|im_end|>"}},
    {.row = "gemma3_instruction", .types = {"gemma3", "gemma3_text"}, .marks = {"<start_of_turn>"}},
    {.row = "gemma_instruction", .types = {"gemma", "gemma2"}, .marks = {"<start_of_turn>"}},
    {.row = "phi-3-vision", .types = {"phi3_v"}},
    {.row = "phi-3", .types = {"phi3"}, .marks = {"<|end|>"}, .bos = "<s>"},
    {.row = "phi-4", .types = {"phi3"}, .marks = {"<|end|>"}},
    {.row = "ministral3_reasoning",
     .types = {"ministral3"},
     .marks = {"[SYSTEM_PROMPT]", "[THINK]"}},
    {.row = "ministral3", .types = {"ministral3"}},
    {.row = "llama-2", .types = {"llama"}, .marks = {"[INST]", "<<SYS>>"}},
    {.row = "codellama_instruct", .types = {"llama"}, .marks = {"[INST]"}, .name = {"codellama"}},
    {.row = "mistral_default", .types = {"mistral", "mixtral"}, .marks = {"[INST]"}},
    {.row = "aya-23", .types = {"cohere"}, .marks = {"<|START_OF_TURN_TOKEN|>"}},
    {.row = "olmo2", .types = {"olmo2"}},
    {.row = "olmo", .types = {"olmo"}},
    {.row = "tinyllama_v1_0", .types = {"llama"}, .marks = {"<|user|>"}, .eos = "</s>"},
    {.row = "stablelm-2", .types = {"stablelm"}, .marks = {"<|user|>"}, .name = {"stablelm-2"}},
    {.row = "nemotron", .types = {"nemotron"}},
    {.row = "orion", .types = {"orion"}},
    // By the name, for models from before chat_template.
    {.row = "gorilla-openfunctions-v2", .name = {"gorilla-openfunctions-v2"}},
    {.row = "gorilla", .name = {"gorilla"}},
    {.row = "llm-jp", .name = {"llm-jp"}},
    {.row = "wizard_coder_or_math", .name = {"wizardcoder", "wizardmath"}},
    {.row = "wizardlm_7b", .name = {"wizardlm"}},
    {.row = "codellama_instruct", .name = {"codellama-7b-instruct", "codellama-13b-instruct"}},
    {.row = "codellama_completion", .name = {"codellama"}},
    {.row = "tinyllama_v1_0", .name = {"tinyllama-1.1b-chat", "tinyllama_1b_chat"}},
    {.row = "llama-2",
     .types = {"llama"},
     .name = {"llama-2-7b-chat", "llama-2-13b-chat", "llama-2-70b-chat"}},
    {.row = "llama-3_1", .types = {"llama"}, .name = {"llama-3.1", "llama3_1", "llama3_2"}},
    {.row = "mistral_default",
     .types = {"mistral", "mixtral"},
     .name = {"instruct"},
     .no_chat_template = true},
    {.row = "redpajama_chat", .types = {"gpt_neox"}, .name = {"redpajama", "rp_3b"}},
    {.row = "dolly", .types = {"gpt_neox"}, .name = {"dolly"}},
    {.row = "oasst", .types = {"gpt_neox"}, .name = {"oasst"}},
    {.row = "stablelm", .types = {"gpt_neox"}, .name = {"stablelm"}},
    {.row = "stablelm-3b", .types = {"stablelm"}, .name = {"stablelm-3b", "stablelm-zephyr-3b"}},
    // By what ends a turn, which tells chat models from the base models of the same vocabulary.
    {.row = "llama-3_1", .types = {"llama"}, .eos_ids = {128008}, .no_chat_template = true},
    {.row = "llama-3", .types = {"llama"}, .eos = "<|eot_id|>", .no_chat_template = true},
    {.row = "qwen3",
     .types = {"qwen3", "qwen3_moe"},
     .eos = "<|im_end|>",
     .no_chat_template = true},
    {.row = "qwen2",
     .types = {"qwen2", "qwen2_moe"},
     .eos = "<|im_end|>",
     .no_chat_template = true},
    {.row = "chatml", .eos = "<|im_end|>", .no_chat_template = true},
    {.row = "phi-4", .types = {"phi3"}, .eos_ids = {200020, 199999}, .no_chat_template = true},
    {.row = "phi-3", .types = {"phi3"}, .eos_ids = {32000, 32007}, .no_chat_template = true},
    {.row = "stablelm-2", .types = {"stablelm"}, .eos_ids = {100257}, .no_chat_template = true},
    {.row = "stablelm-3b", .types = {"stablelm"}, .eos_ids = {0}, .no_chat_template = true},
    // By the model type, where all models of the type have one.
    {.row = "gemma3_instruction", .types = {"gemma3", "gemma3_text"}, .no_chat_template = true},
    {.row = "gemma_instruction", .types = {"gemma", "gemma2"}, .no_chat_template = true},
    {.row = "aya-23", .types = {"cohere"}, .no_chat_template = true},
    {.row = "llava", .types = {"llava"}},
    {.row = "glm", .types = {"chatglm"}},
    {.row = "rwkv_world", .types = {"rwkv5", "rwkv6"}},
    {.row = "phi-2", .types = {"phi", "phi-msft"}},
    {.row = "gpt2", .types = {"gpt2"}},
    {.row = "gpt_bigcode", .types = {"gpt_bigcode", "starcoder2"}, .no_chat_template = true},
    {.row = "LM", .types = {"bert", "bert-bge", "qwen3-embedding", "medusa", "eagle"}},
    // A base model whose text begins with token 1 and ends with token 2, as this template says.
    {.row = "LM", .bos = "<s>", .eos = "</s>", .no_chat_template = true},
};

bool stops_at_one_of(const ConvTemplate& row, const std::vector<std::int64_t>& ids) {
  return std::any_of(row.stop_token_ids.begin(), row.stop_token_ids.end(), [&](std::int32_t id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  });
}

// What no rule knows may still be one of the templates under another name.
const ConvTemplate* equal_template(const TemplateHints& hints) {
  if (hints.chat_template == nullptr) return nullptr;
  for (const ConvTemplate& row : conv_templates())
    if (stops_at_one_of(row, hints.eos_ids) &&
        check_chat_template(*hints.chat_template, row).kind == TemplateFinding::Kind::kEqual)
      return &row;
  return nullptr;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool has_eos_id(std::int64_t id, const TemplateHints& hints) {
  return std::find(hints.eos_ids.begin(), hints.eos_ids.end(), id) != hints.eos_ids.end();
}

// As the files say; where they say nothing, the token with the id that mlc_llm takes then.
bool begins_text(std::string_view text, const TemplateHints& hints) {
  if (!hints.special.bos.empty()) return text == hints.special.bos;
  return std::any_of(hints.special.ids.begin(), hints.special.ids.end(),
                     [&](const auto& token) { return token.first == text && token.second == 1; });
}

// By its text, or by the id that the token of that text has.
bool ends_text(std::string_view text, const TemplateHints& hints) {
  if (!hints.special.eos.empty() && text == hints.special.eos) return true;
  bool unknown = hints.special.eos.empty() && hints.eos_ids.empty();
  return std::any_of(hints.special.ids.begin(), hints.special.ids.end(), [&](const auto& token) {
    return token.first == text &&
           (has_eos_id(token.second, hints) || (unknown && token.second == 2));
  });
}

std::string_view jinja_of(const TemplateHints& hints) {
  return hints.chat_template == nullptr ? std::string_view() : hints.chat_template->text;
}

bool holds(const Rule& rule, const TemplateHints& hints, const std::string& name) {
  auto in_name = [&](std::string_view part) { return contains(name, part); };
  auto in_template = [&](std::string_view mark) { return contains(jinja_of(hints), mark); };
  return (rule.types.empty() || std::find(rule.types.begin(), rule.types.end(),
                                          hints.model.model_type()) != rule.types.end()) &&
         std::all_of(rule.marks.begin(), rule.marks.end(), in_template) &&
         (rule.name.empty() || std::any_of(rule.name.begin(), rule.name.end(), in_name)) &&
         (rule.bos.empty() || begins_text(rule.bos, hints)) &&
         (rule.eos.empty() || ends_text(rule.eos, hints)) &&
         (rule.eos_ids.empty() ||
          std::any_of(rule.eos_ids.begin(), rule.eos_ids.end(),
                      [&](std::int64_t id) { return has_eos_id(id, hints); })) &&
         !(rule.no_chat_template && hints.chat_template != nullptr);
}

std::string in_words(const Rule& rule, const TemplateHints& hints) {
  std::vector<std::string> parts;
  if (!rule.types.empty()) parts.push_back(fmt::format("model_type {}", hints.model.model_type()));
  if (!rule.marks.empty())
    parts.push_back(
        fmt::format("chat_template has {}", fmt::join(rule.marks.begin(), rule.marks.end(), ", ")));
  if (!rule.name.empty()) parts.push_back(fmt::format("the name {}", printable(hints.name)));
  if (!rule.bos.empty()) parts.push_back(fmt::format("bos_token {}", rule.bos));
  if (!rule.eos.empty()) parts.push_back(fmt::format("{} as the end of a turn", rule.eos));
  if (!rule.eos_ids.empty())
    parts.push_back(fmt::format("eos_token_id {}", fmt::join(hints.eos_ids, ", ")));
  if (rule.no_chat_template) parts.emplace_back("no chat_template");
  return fmt::format("{}", fmt::join(parts, ", "));
}

constexpr bool every_rule_names_a_row_by_something() {
  for (const Rule& rule : kRules)
    if (rule.row.empty() || (rule.types.empty() && rule.marks.empty() && rule.name.empty() &&
                             rule.bos.empty() && rule.eos.empty() && rule.eos_ids.empty()))
      return false;
  return true;
}
static_assert(every_rule_names_a_row_by_something());

// How much of what a template writes occurs in the checkpoint's own: 0 to 1.
double likeness(const ConvTemplate& row, std::string_view chat_template) {
  int marks = 0;
  int found = 0;
  auto look = [&](std::string_view text) {
    while (!text.empty() && (text.front() == '\n' || text.front() == ' '))
      text.remove_prefix(1);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
      text.remove_suffix(1);
    if (text.size() < 3) return;  // ":" is in every text
    marks++;
    if (contains(chat_template, text)) found++;
  };
  look(row.user);
  look(row.assistant);
  for (std::string_view sep : row.seps)
    look(sep);
  look(row.role_content_sep);
  return marks == 0 ? 0 : static_cast<double>(found) / marks;
}

std::vector<std::string> nearest_templates(const TemplateHints& hints) {
  struct Candidate {
    std::string name;
    double likeness;
    std::int64_t distance;
  };
  std::vector<Candidate> candidates;
  std::string type(hints.model.model_type());
  for (const ConvTemplate& row : conv_templates()) {
    std::size_t same = 0;
    while (same < type.size() && same < row.name.size() && type[same] == row.name[same])
      same++;
    // A shared beginning says more than letters that happen to agree.
    candidates.push_back({std::string(row.name), likeness(row, jinja_of(hints)),
                          static_cast<std::int64_t>(edit_distance(row.name, type, 64)) -
                              4 * static_cast<std::int64_t>(same)});
  }
  std::stable_sort(
      candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
        return a.likeness != b.likeness ? a.likeness > b.likeness : a.distance < b.distance;
      });
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 3; i++)
    names.push_back(candidates[i].name);
  return names;
}

}  // namespace

TemplateChoice choose_conv_template(const TemplateHints& hints) {
  std::string name = hints.name;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const Rule& rule : kRules)
    if (holds(rule, hints, name)) return {find_conv_template(rule.row), in_words(rule, hints)};
  if (const ConvTemplate* row = equal_template(hints))
    return {row, "it gives the same text as chat_template"};
  bad_input(
      "{}: no rule knows the conversation template of this model of type {}{}; the nearest are {}: "
      "name one with --conv-template (mlc gen_config --list-templates shows all)",
      hints.model.path, hints.model.model_type(),
      hints.chat_template == nullptr ? " without a chat_template" : "",
      fmt::join(nearest_templates(hints), ", "));
}

}  // namespace mlc
