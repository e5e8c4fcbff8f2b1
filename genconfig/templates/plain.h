// No marks at all, or roles as plain words.
#pragma once

#include "genconfig/conv_template.h"

namespace mlc {

inline constexpr ConvTemplate kPlainTemplates[] = {
    {.name = "LM", .system_prefix_token_ids = {1}, .seps = {""}, .stop_token_ids = {2}},
    {.name = "gpt2", .seps = {""}, .stop_str = {"</s>"}, .stop_token_ids = {50256}},
    {.name = "gpt_bigcode", .seps = {""}, .stop_str = {"<|endoftext|>"}, .stop_token_ids = {0}},
    {.name = "dolly",
     .system_message = "Below is an instruction that describes a task. Write a response that "
                       "appropriately completes the request.",
     .user = "### Instruction",
     .assistant = "### Response",
     .seps = {"\n\n", "### End\n"},
     .role_content_sep = ":\n",
     .role_empty_sep = ":\n",
     .stop_str = {"### End"},
     .stop_token_ids = {50256}},
    {.name = "glm",
     .system_prefix_token_ids = {64790, 64792},
     .user = "问",
     .assistant = "答",
     .tool = "问",
     .seps = {"\n\n"},
     .role_content_sep = ": ",
     .role_empty_sep = ":",
     .stop_str = {"</s>"},
     .stop_token_ids = {2}},
    {.name = "orion",
     .system_prefix_token_ids = {1},
     .user = "Human: ",
     .assistant = "Assistant: ",
     .seps = {"\n\n", "</s>"},
     .role_empty_sep = "</s>",
     .stop_str = {"</s>"},
     .stop_token_ids = {2}},
    {.name = "phi-2",
     .user = "Instruct",
     .assistant = "Output",
     .seps = {"\n"},
     .role_content_sep = ": ",
     .role_empty_sep = ":",
     .stop_str = {"<|endoftext|>"},
     .stop_token_ids = {50256}},
    {.name = "redpajama_chat",
     .user = "<human>",
     .assistant = "<bot>",
     .seps = {"\n"},
     .role_content_sep = ": ",
     .role_empty_sep = ":",
     .stop_str = {"<human>"},
     .stop_token_ids = {0}},
    {.name = "rwkv_world",
     .system_template = "User: hi\n\nAssistant: {system_message}",
     .system_message = "Hi. I am your assistant and I will provide expert full response in full "
                       "details. Please feel free to ask any question and I will always answer it.",
     .user = "User",
     .assistant = "Assistant",
     .seps = {"\n\n"},
     .role_content_sep = ": ",
     .role_empty_sep = ": ",
     .stop_str = {"\n\n"},
     .stop_token_ids = {0}},
};

}  // namespace mlc
