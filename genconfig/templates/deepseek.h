// DeepSeek, and the models distilled from its R1.
#pragma once

#include "genconfig/conv_template.h"

namespace mlc {

inline constexpr ConvTemplate kDeepseekTemplates[] = {
    {.name = "deepseek",
     .system_prefix_token_ids = {100000},
     .user = "User",
     .assistant = "Assistant",
     .seps = {"\n\n", "<｜end▁of▁sentence｜>"},
     .role_content_sep = ": ",
     .role_empty_sep = ":",
     .stop_str = {"<｜end▁of▁sentence｜>"},
     .stop_token_ids = {100001}},
    {.name = "deepseek_v2",
     .system_prefix_token_ids = {100000},
     .user = "User",
     .assistant = "Assistant",
     .seps = {"\n\n", "<｜end▁of▁sentence｜>"},
     .role_content_sep = ": ",
     .role_empty_sep = ":",
     .stop_str = {"<｜end▁of▁sentence｜>"},
     .stop_token_ids = {100001}},
    {.name = "deepseek_v3",
     .system_template = "<｜begin▁of▁sentence｜>{system_message}",
     .system_message =
         "You are Deepseek-V3, an AI assistant created exclusively by the Chinese "
         "Company DeepSeek. You'll provide helpful, harmless, and detailed responses to "
         "all user inquiries.",
     .user = "<｜User｜>",
     .assistant = "<｜Assistant｜>",
     .seps = {"", "<｜end▁of▁sentence｜>"},
     .stop_token_ids = {1}},
    {.name = "deepseek_r1_qwen",
     .system_template = "<｜begin▁of▁sentence｜>{system_message}",
     .system_message =
         "You are Deepseek-R1, an AI assistant created exclusively by the Chinese "
         "Company DeepSeek. You'll provide helpful, harmless, and detailed responses to "
         "all user inquiries.",
     .user = "<｜User｜>",
     .assistant = "<｜Assistant｜>",
     .seps = {"", "<｜end▁of▁sentence｜>"},
     .stop_token_ids = {151643}},
    {.name = "deepseek_r1_llama",
     .system_template = "<｜begin▁of▁sentence｜>{system_message}",
     .system_message =
         "You are Deepseek-R1, an AI assistant created exclusively by the Chinese "
         "Company DeepSeek. You'll provide helpful, harmless, and detailed responses to "
         "all user inquiries.",
     .user = "<｜User｜>",
     .assistant = "<｜Assistant｜>",
     .seps = {"", "<｜end▁of▁sentence｜>"},
     .stop_token_ids = {128001}},
};

}  // namespace mlc
