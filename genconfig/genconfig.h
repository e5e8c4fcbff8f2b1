// The front door of genconfig/: what an MLC runtime has to know about a checkpoint besides its
// weights becomes part of the model folder.
//
//   OUT/mlc-chat-config.json   the model's numbers, sampling defaults, conversation template
//   OUT/tokenizer.json, ...    the tokenizer files (genconfig/tokenizer_files.h)
//
// All of them appear whole or not at all; other files in OUT (the weights) stay, and OUT may be the
// checkpoint's own folder. All errors are mlc::Error; Cancelled on Ctrl-C.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/reporter.h"
#include "genconfig/conv_template.h"
#include "genconfig/overrides.h"
#include "genconfig/tokenizer_files.h"

namespace mlc {

struct GenConfigOptions {
  std::string config;        // a preset's name, config.json, or the folder that holds it
  std::string quantization;  // "q4f16_1"
  std::string conv_template = "auto";
  std::string model_type = "auto";
  std::string output;  // folder; may exist. Empty: nothing will be written
  ConfigOverrides overrides;
  bool legacy = false;           // ChatConfigParts
  bool strict = false;           // findings are errors
  bool all_stop_tokens = false;  // the template gets the stop tokens that it lacks
};

// Something that may make the model answer badly although everything was read.
struct ConfigFinding {
  std::string name;  // stable: "chat-template-differs"
  std::string text;  // one sentence, and lines that show it
};

struct GeneratedConfig {
  Json config;
  std::string text;  // of mlc-chat-config.json
  TokenizerFiles tokenizer;
  std::string conv_template;
  std::string template_rule;  // what chose it, in words
  // Every token that some file of the checkpoint, or the template, ends a turn with.
  std::vector<std::int64_t> stop_token_ids;
  std::vector<ConfigFinding> findings;
};

// Reads everything and writes nothing. Warnings, findings and the rule that chose the template go
// to the reporter.
GeneratedConfig generate_config(const GenConfigOptions& options, Reporter& reporter);

// The same for a config in memory that is not from a folder: it alone says how to sample, and there
// are no tokenizer files. `where` names it in messages; options.config is not used.
GeneratedConfig generate_config_of(Json config, const std::string& where,
                                   const GenConfigOptions& options, Reporter& reporter);

// The names of the files that were written, mlc-chat-config.json the last.
std::vector<std::string> write_generated_config(const GeneratedConfig& generated,
                                                const std::string& output);

}  // namespace mlc
