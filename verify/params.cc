#include "verify/params.h"

#include <array>

#include "base/error.h"
#include "verify/files_index.h"
#include "verify/params_config.h"
#include "verify/params_records.h"
#include "verify/params_source.h"
#include "verify/params_template.h"
#include "verify/params_tokenizer.h"

namespace mlc {
namespace {

constexpr std::array<FindingRule, kParamRules> kRules = {{
    {"P01", "no-config", Severity::kError, "the folder has no mlc-chat-config.json",
     "run mlc gen_config"},
    {"P02", "config-damaged", Severity::kError,
     "mlc-chat-config.json does not describe a model that can be made", "run mlc gen_config again"},
    {"P03", "quantization-unknown", Severity::kError, "the quantization is none of MLC's",
     "see mlc convert_weight --list-quantizations, and run mlc gen_config again"},
    {"P04", "param-missing", Severity::kError, "a param of the model is not in the index",
     "convert again"},
    {"P05", "param-extra", Severity::kError, "the index has a param that the model does not know",
     "convert again, with the model type of mlc-chat-config.json"},
    {"P06", "param-shape", Severity::kError, "a param has another shape than the config gives it",
     "see which of the two is right, and make the other again"},
    {"P07", "param-dtype", Severity::kError, "a param has another dtype than the config gives it",
     "convert again with the quantization of mlc-chat-config.json"},
    {"P08", "param-layout", Severity::kError, "a param lies turned: its axes are exchanged",
     "convert again with the quantization of mlc-chat-config.json"},
    {"P09", "config-field", Severity::kError,
     "a number of model_config does not fit the params, and another one does",
     "run mlc gen_config again"},
    {"P10", "quantization-differs", Severity::kError,
     "the params are of another quantization than mlc-chat-config.json says",
     "run mlc gen_config or mlc convert_weight again with the right --quantization"},
    {"P11", "other-model", Severity::kError,
     "the index and mlc-chat-config.json are not of the same model",
     "bring the files together that belong together, or convert again"},
    {"P12", "param-order", Severity::kNote,
     "the params lie in another order or at other places than a conversion of the source gives",
     ""},
    {"P13", "vocab-rows", Severity::kError,
     "the rows of embedding and head are not those of one vocabulary",
     "see to vocab_size, and run mlc gen_config again"},
    {"P14", "tokenizer-missing", Severity::kError,
     "a tokenizer file that mlc-chat-config.json names is missing", "run mlc gen_config again"},
    {"P15", "tokenizer-unchecked", Severity::kWarning,
     "the tokenizer could not be held against the model", "run mlc gen_config again"},
    {"P16", "tokenizer-size", Severity::kError,
     "the tokenizer has another number of tokens than mlc-chat-config.json says: it is of another "
     "model",
     "run mlc gen_config again, with the checkpoint that was converted"},
    {"P17", "tokenizer-beyond", Severity::kError,
     "the tokenizer gives ids for which the embedding has no row",
     "bring the tokenizer that belongs to the weights"},
    {"P18", "special-token", Severity::kWarning,
     "a token that tokenizer_config.json names is not one of the tokenizer's",
     "bring tokenizer.json and tokenizer_config.json of the same checkpoint"},
    {"P19", "token-unknown", Severity::kError,
     "a token id of mlc-chat-config.json is none of the tokenizer's",
     "run mlc gen_config again with the --conv-template of this model"},
    {"P20", "stop-token-missing", Severity::kWarning,
     "a token that ends a turn of this model does not stop it",
     "run mlc gen_config again with another --conv-template, or with --all-stop-tokens"},
    {"P21", "template-marks", Severity::kError,
     "marks of the conversation template are no tokens of this tokenizer",
     "run mlc gen_config again with the --conv-template of this model"},
    {"P22", "template-differs", Severity::kError,
     "the conversation template is not the one that it is called",
     "run mlc gen_config again, or give the template a name of its own"},
    {"P23", "template-unknown", Severity::kNote,
     "the conversation template is none of the registered ones, so that it was not compared", ""},
    {"P24", "template-other", Severity::kError,
     "the conversation template is that of another model",
     "run mlc gen_config again with the expected --conv-template"},
    {"P25", "template-unlike", Severity::kWarning,
     "the conversation template gives another text than the checkpoint's chat template",
     "see whether the difference matters, or run mlc gen_config with another --conv-template"},
    {"P26", "tokenizer-info", Severity::kWarning,
     "tokenizer_info is not what the tokenizer says, so that spaces or bytes come out wrong",
     "run mlc gen_config again"},
    {"P27", "vocab-size", Severity::kError,
     "vocab_size stands twice in mlc-chat-config.json, with two values",
     "run mlc gen_config again"},
    {"P28", "config-differs", Severity::kError,
     "mlc-chat-config.json says another thing than the source",
     "run mlc gen_config again with this source"},
    {"P29", "setting-differs", Severity::kNote, "a default of sampling is not the source's", ""},
    {"P30", "tokenizer-differs", Severity::kError, "a tokenizer file is not that of the source",
     "run mlc gen_config again with this source"},
    {"P31", "longer-context", Severity::kWarning,
     "the context window is longer than the one that the source was made for",
     "expect worse answers beyond the source's, or run mlc gen_config again"},
    {"P32", "source-unchecked", Severity::kWarning,
     "the config could not be made again from the source",
     "name the checkpoint's folder as --source"},
}};

constexpr bool rules_are_in_order() {
  for (std::size_t i = 1; i < kRules.size(); i++)
    if (!(kRules[i - 1].id < kRules[i].id)) return false;
  return true;
}
static_assert(rules_are_in_order());

// What the later levels would stumble over.
std::string reason(const ChatConfig& config, const RecordsOutcome& records) {
  if (!records.loadable)
    return fmt::format("the params are not those of {}", printable(config.path, 1024));
  return {};
}

}  // namespace

std::span<const FindingRule> param_rules() { return kRules; }

const FindingRule& rule_of(ParamRule rule) { return kRules[static_cast<std::size_t>(rule)]; }

std::string verify_params(const VerifyOptions& options, VerifyReport& report, Reporter&) {
  report.params = ParamsResult{};
  std::optional<FolderIndex> index = find_index(options.model);
  std::optional<ChatConfig> config = read_chat_config(options, index, report);
  if (!config) return "the folder has no mlc-chat-config.json that can be read";
  RecordsOutcome records;
  if (index) records = check_records(*config, *index, report);
  TokenizerFacts tokenizer = check_tokenizer(options.model, *config, records, report);
  check_conv_template(options, *config, tokenizer, report);
  if (!options.source.empty()) check_against_source(options, *config, index, report);
  return index ? reason(*config, records) : "the folder has no index that can be read";
}

}  // namespace mlc
