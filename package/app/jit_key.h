// The name that mlc_llm gives to a model library that it compiles for a phone, and the file that it
// keeps it in: the MD5 of a JSON text of everything that the compiler is told. An app asks for the
// library by this name, so a bundle that leaves the compiling to mlc_llm has to know it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace mlc {

struct JitRequest {
  const Json& chat_config;               // mlc-chat-config.json
  const Json& overrides;                 // of the entry in mlc-package-config.json; an object
  std::string device;                    // "iphone", "macabi", "android"
  std::optional<std::string> model_lib;  // the entry's, if it has one
  std::string where;                     // the path of the chat config, for messages
};

struct JitKey {
  std::string model_lib;  // "llama_q4f16_1_9850b023443e0e679da10e278458c32c", or as requested
  std::string file;       // "7aa4553368030a7cf1f8ff7bdfd4cb58.tar", in MLC_LLM_HOME/model_lib
  std::string name_text;  // what model_lib's MD5 is of; empty when it was requested
  std::string file_text;  // what the file's is of
  // For the command line of `mlc_llm compile`.
  std::string opt;
  std::string overrides;
};

// Error(kBadInput): a chat config without its parts, an override of another type than mlc_llm's.
// Error(kUnsupported): an architecture that mlc_llm does not have.
JitKey jit_key(const JitRequest& request);

}  // namespace mlc
