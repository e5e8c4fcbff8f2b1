// --conv-template auto: the rules, each with a checkpoint that it is for.
#include "genconfig/choose_template.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace mlc {
namespace {

ModelConfig model_of(const std::string& type) {
  const std::string text =
      R"({"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "head_dim": 16,
          "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-05,
          "vocab_size": 300, "max_position_embeddings": 256, "rope_theta": 10000.0,
          "hidden_act": "gelu", "attention_bias": false, "n_embd": 64, "n_layer": 2, "n_head": 4,
          "n_positions": 64, "n_inner": 128, "layer_norm_epsilon": 1e-05,
          "hidden_activation": "gelu_pytorch_tanh", "sliding_window": 64,
          "logits_soft_cap": 1.0, "final_logit_softcapping": 1.0, "attn_logit_softcapping": 1.0,
          "query_pre_attn_scalar": 16, "model_type": ")" +
      type + "\"}";
  return read_model_config(parse_json(text, "config.json"), "config.json", "auto");
}

struct Case {
  const char* row;
  const char* type;
  std::string chat_template = {};
  std::string name = {};
  SpecialTokens special = {};
  std::vector<std::int64_t> eos_ids = {};
};

TemplateChoice choose(const Case& one) {
  ModelConfig model = model_of(one.type);
  ChatTemplateSource chat_template;
  chat_template.text = one.chat_template;
  chat_template.where = "tokenizer_config.json: chat_template";
  chat_template.eos_token = one.special.eos;
  return choose_conv_template(
      {.model = model,
       .name = one.name,
       .chat_template = one.chat_template.empty() ? nullptr : &chat_template,
       .special = one.special,
       .eos_ids = one.eos_ids});
}

SpecialTokens special(const std::string& bos, const std::string& eos) {
  SpecialTokens tokens;
  tokens.bos = bos;
  tokens.eos = eos;
  return tokens;
}

TEST(ChooseTemplate, ByWhatTheCheckpointSays) {
  const std::vector<Case> cases = {
      {"llama-3_1", "llama", "<|start_header_id|>{{role}} Environment: ipython"},
      {"llama-3", "llama", "<|start_header_id|>{{role}}<|end_header_id|>"},
      {"deepseek_r1_qwen", "qwen2", "<｜User｜>"},
      {"deepseek_r1_llama", "llama", "<｜User｜>"},
      {"hermes3_llama-3_1", "llama", "<|im_start|>", "NousResearch/Hermes-3-Llama-3.1-8B"},
      {"hermes2_pro_llama3", "llama", "<|im_start|>", "NousResearch/Hermes-2-Pro-Llama-3-8B"},
      {"open_hermes_mistral", "mistral", "<|im_start|>", "teknium/OpenHermes-2.5-Mistral-7B"},
      {"qwen2", "qwen2", "<|im_start|>"},
      {"chatml", "llama", "<|im_start|>..<|im_end|>"},
      {"gemma_instruction", "gemma", "<start_of_turn>"},
      {"gemma3_instruction", "gemma3_text", "<start_of_turn>"},
      {"phi-3", "phi3", "<|user|><|end|>", "", special("<s>", "<|endoftext|>")},
      {"phi-4", "phi3", "<|user|><|end|>", "", special("<|endoftext|>", "<|endoftext|>")},
      {"llama-2", "llama", "[INST] <<SYS>>"},
      {"codellama_instruct", "llama", "[INST]", "codellama/CodeLlama-7b-Instruct-hf"},
      {"mistral_default", "mistral", "[INST]"},
      {"tinyllama_v1_0", "llama", "<|user|>", "", special("<s>", "</s>")},
      // Without a chat_template.
      {"llama-2", "llama", "", "meta-llama/Llama-2-7b-chat-hf"},
      {"llama-3_1", "llama", "", "", {}, {128001, 128008, 128009}},
      {"llama-3", "llama", "", "", special("<|begin_of_text|>", "<|eot_id|>"), {128009}},
      {"qwen2", "qwen2", "", "", special("", "<|im_end|>")},
      {"chatml", "llama", "", "", {"", "", "", {{"<|im_end|>", 2}}}, {2}},
      {"phi-3", "phi3", "", "", {}, {32000}},
      {"phi-2", "phi"},
      {"gpt2", "gpt2"},
      {"LM", "llama", "", "", special("<s>", "</s>")},
      {"LM", "mistral", "", "", {"", "", "", {{"<s>", 1}, {"</s>", 2}}}},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.row);
    TemplateChoice choice = choose(one);
    ASSERT_NE(choice.row, nullptr);
    EXPECT_EQ(choice.row->name, one.row);
    EXPECT_NE(choice.rule, "");
  }
}

TEST(ChooseTemplate, SaysWhichRuleItWas) {
  EXPECT_EQ(choose({"", "llama", "<|start_header_id|> ipython"}).rule,
            "chat_template has <|start_header_id|>, ipython");
  EXPECT_EQ(choose({"", "phi3", "<|end|>", "", special("<s>", "")}).rule,
            "model_type phi3, chat_template has <|end|>, bos_token <s>");
}

// No rule knows the type; the text is that of a template all the same.
TEST(ChooseTemplate, ByTheTextThatATemplateGives) {
  Case one = {"", "granite",
              "{% for m in messages %}{% if m['role'] == 'user' %}{{ '### Instruction:\n' + "
              "m['content'] + '\n\n' }}{% elif m['role'] == 'system' %}{{ m['content'] }}"
              "{% else %}{{ '### Response:\n' + m['content'] + '### End\n' }}{% endif %}"
              "{% endfor %}{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}"};
  EXPECT_THROW(choose(one), Error);  // it has to stop at a token of the checkpoint as well
  one.eos_ids = {50256};
  TemplateChoice choice = choose(one);
  EXPECT_EQ(choice.row->name, "dolly");
  EXPECT_EQ(choice.rule, "it gives the same text as chat_template");
}

TEST(ChooseTemplate, WhereNothingFitsTheNearestAreNamed) {
  // A base model of the vocabulary of a chat model ends its texts otherwise.
  EXPECT_THROW(choose({"", "qwen2", "", "", special("", "<|endoftext|>"), {151643}}), Error);
  try {
    choose({"", "llama", "{{ '<|prompter|>' }}{{ '<|assistant|>' }}{{ '<|endoftext|>' }}"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kBadInput);
    std::string text = error.what();
    EXPECT_NE(text.find("the nearest are oasst,"), std::string::npos) << text;
    EXPECT_NE(text.find("--conv-template"), std::string::npos);
  }
}

}  // namespace
}  // namespace mlc
