// `mlc run`: text from a model.
#include <memory>
#include <random>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "base/parallel.h"
#include "runtime-min/chat/chat.h"
#include "runtime-min/chat/chat_loop.h"
#include "runtime-min/chat/chat_settings.h"
#include "runtime-min/chat/interrupt.h"
#include "runtime-min/chat/standard_input.h"
#include "runtime-min/command.h"
#include "runtime-min/device_arguments.h"

namespace mlc {
namespace {

struct Arguments {
  std::string model;
  std::string config;
  DeviceArguments device;
  std::vector<std::string> prompts;
  std::optional<std::string> system;
  bool raw = false;
  bool lines = false;
  std::string bos = "auto";
  std::optional<double> temperature, top_p, presence_penalty, frequency_penalty, repetition_penalty;
  std::optional<std::uint64_t> seed;
  GenerateOptions generate;
  EngineOptions engine;
  std::string kv_cache = "f16";
};

// A model that is ready to talk.
struct Loaded {
  std::unique_ptr<Device> device;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<Engine> engine;
  ChatSettings settings;
  std::optional<PromptTemplate> words;  // none with --raw
  std::string config_path;
};

SamplingOptions sampling_of(const Arguments& a, const ChatSettings& settings) {
  SamplingOptions sampling = settings.sampling;
  sampling.temperature = a.temperature.value_or(sampling.temperature);
  sampling.top_p = a.top_p.value_or(sampling.top_p);
  sampling.presence_penalty = a.presence_penalty.value_or(sampling.presence_penalty);
  sampling.frequency_penalty = a.frequency_penalty.value_or(sampling.frequency_penalty);
  sampling.repetition_penalty = a.repetition_penalty.value_or(sampling.repetition_penalty);
  // 32 bits are easy to type, when someone wants the same text again.
  sampling.seed = a.seed ? *a.seed : std::random_device()();
  if (std::string wrong = wrong_sampling_option(sampling); !wrong.empty())
    fail(ExitCode::kUsage, "{}", wrong);
  return sampling;
}

// What is cheap to get wrong is looked at first, the weights last.
Loaded load(const Arguments& a, const CommandContext& context) {
  Reporter& reporter = context.reporter;
  Loaded loaded;
  LoadedModel model = load_model(a.model, a.config);
  loaded.config_path = a.model + "/mlc-chat-config.json";
  Json config = read_json_file(loaded.config_path);
  loaded.settings = read_chat_settings(config, loaded.config_path);
  if (!a.raw) loaded.words = read_prompt_template(config, loaded.config_path);
  loaded.tokenizer = load_tokenizer(a.model);
  loaded.device = open_device(with_kernels(a.device, context));
  EngineOptions options = a.engine;
  options.kv_format = a.kv_cache == "f32" ? KvFormat::kF32 : KvFormat::kF16;
  if (model.context > 0 && options.context > model.context)
    reporter.warn(fmt::format("the model was made for a context of {} tokens, not {}",
                              model.context, options.context));
  loaded.engine = Engine::open(*loaded.device, model, options, reporter);
  for (const std::string& note : loaded.engine->info().notes)
    reporter.note(note);
  return loaded;
}

Json answer_json(const std::string& prompt, const Answer& answer) {
  Json tokens = Json::array();
  for (std::uint32_t token : answer.tokens)
    tokens.push(std::int64_t{token});
  return Json::object()
      .set("prompt", prompt)
      .set("text", answer.text)
      .set("finish_reason", name_of(answer.finish))
      .set("context_full", answer.finish == Finish::kContextFull)
      .set("tokens", std::move(tokens))
      .set("prompt_tokens", std::int64_t{answer.prompt_tokens})
      .set("cached_tokens", std::int64_t{answer.cached_tokens})
      .set("completion_tokens", static_cast<std::uint64_t>(answer.tokens.size()))
      .set("prefill_seconds", answer.prefill_seconds)
      .set("prefill_tokens_per_second", answer.prefill_rate())
      .set("decode_seconds", answer.decode_seconds)
      .set("decode_tokens_per_second", answer.decode_rate());
}

Json result_json(const Arguments& a, const Loaded& loaded, const SamplingOptions& sampling,
                 Json answers) {
  const ModelInfo& info = loaded.engine->info();
  return Json::object()
      .set("model", a.model)
      .set("model_type", info.model_type)
      .set("quantization", info.quantization)
      .set("backend", loaded.device->info().backend)
      .set("device", loaded.device->info().name)
      .set("context", std::int64_t{info.context})
      .set("temperature", sampling.temperature)
      .set("top_p", sampling.top_p)
      .set("seed", sampling.seed)
      .set("answers", std::move(answers));
}

std::vector<std::string> prompts_of(const Arguments& a) {
  if (!a.prompts.empty()) return a.prompts;
  std::string text = StandardInput().all();
  if (!a.lines) return {text};
  std::vector<std::string> lines;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

// The token that begins a text: only where it is a special one, for MLC writes 1 where the
// checkpoint says nothing.
std::optional<std::uint32_t> first_token(const Arguments& a, const Loaded& loaded) {
  std::optional<std::uint32_t> bos = loaded.settings.bos_token;
  if (a.bos == "yes") {
    if (!bos) fail(ExitCode::kUsage, "{} has no bos_token_id", loaded.config_path);
    return bos;
  }
  if (a.bos == "no" || !bos) return std::nullopt;
  return loaded.tokenizer->is_special(static_cast<std::int32_t>(*bos)) ? bos : std::nullopt;
}

using Show = std::function<void(std::string_view)>;
using Ask = std::function<Answer(const std::string& prompt, const Show& show)>;

// Each prompt goes on by itself, from its last word.
Ask plain_texts(const Arguments& a, Loaded& loaded, const SamplingOptions& sampling) {
  GenerateOptions options = a.generate;
  options.stop_tokens = loaded.settings.eos_tokens;
  options.continues_text = true;
  auto session = std::make_shared<Session>(*loaded.engine, *loaded.tokenizer);
  return [=, bos = first_token(a, loaded), tokenizer = loaded.tokenizer.get()](
             const std::string& prompt, const Show& show) {
    Sampler sampler(sampling);
    return session->generate(text_tokens(*tokenizer, prompt, bos), options, sampler, show);
  };
}

ExitCode answer_all(const Arguments& a, Loaded& loaded, const SamplingOptions& sampling,
                    const Ask& ask, const CommandContext& context) {
  Json answers = Json::array();
  Show show = [&](std::string_view text) {
    if (!context.json) context.print(text);
  };
  for (const std::string& prompt : prompts_of(a)) {
    Answer answer = ask(prompt, show);
    show("\n");
    if (answer.finish == Finish::kInterrupted) throw_if_cancelled();
    context.reporter.note(rates_text(answer));
    if (std::string why = end_text(answer, loaded.engine->info().context); !why.empty())
      context.reporter.warn(why + "; --context makes it larger where the model allows that");
    answers.push(answer_json(prompt, answer));
  }
  if (context.json)
    context.print(dump_json(result_json(a, loaded, sampling, std::move(answers))) + "\n");
  return ExitCode::kDone;
}

void talk(Chat& chat, const CommandContext& context) {
  InterruptHandler handler;
  StandardInput input;
  run_chat(chat, {.read_line =
                      [&](std::string_view prompt) {
                        context.print(prompt);
                        std::optional<std::string> line = input.line();
                        // Ctrl-C where nothing runs ends the program.
                        throw_if_cancelled();
                        return line;
                      },
                  .print = context.print});
}

ExitCode run(const Arguments& a, const CommandContext& context) {
  if (a.raw && a.system) fail(ExitCode::kUsage, "--raw takes no --system: there is no template");
  bool interactive = a.prompts.empty() && !a.lines && !a.raw && !context.json &&
                     ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  // Options that don't fit are found before the weights are read.
  static_cast<void>(sampling_of(a, {}));
  Loaded loaded = load(a, context);
  SamplingOptions sampling = sampling_of(a, loaded.settings);
  if (a.raw) return answer_all(a, loaded, sampling, plain_texts(a, loaded, sampling), context);
  Chat chat(*loaded.engine, *loaded.tokenizer, *loaded.words,
            {.sampling = sampling, .generate = a.generate, .system = a.system});
  if (interactive) {
    talk(chat, context);
    return ExitCode::kDone;
  }
  return answer_all(
      a, loaded, sampling,
      [&](const std::string& prompt, const Show& show) { return chat.ask(prompt, show); }, context);
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.add_option(
         "MODEL", a->model,
         "folder of the converted model, with mlc-chat-config.json; HF://owner/name[@revision] or "
         "oci://HOST/REPOSITORY:TAG too, which are fetched once")
      ->required()
      ->type_name("FOLDER");
  add_device_options(app, a->device);
  app.add_option("--prompt", a->prompts,
                 "what to say; several are turns of one conversation. Without it, a terminal is "
                 "talked to, and other standard input is one prompt")
      ->type_name("TEXT")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  app.add_flag("--lines", a->lines, "each line of standard input is a prompt");
  app.add_flag("--raw", a->raw, "the text goes on without any template; each prompt by itself");
  one_of(app.add_option("--bos", a->bos,
                        "with --raw: begin with the model's token for that; auto: if it is a "
                        "special token"),
         {"auto", "yes", "no"});
  app.add_option("--system", a->system, "system message, in place of the template's")
      ->type_name("TEXT");
  app.add_option("--max-tokens", a->generate.max_tokens,
                 "tokens of an answer; 0: until the context is full")
      ->capture_default_str()
      ->type_name("N");
  auto number = [&](const char* name, std::optional<double>& value, const char* help) {
    app.add_option(name, value, help)->type_name("X");
  };
  number("--temperature", a->temperature,
         "0: always the most probable token; not given: as the model's config says");
  number("--top-p", a->top_p, "choose among the most probable tokens that reach this sum");
  number("--presence-penalty", a->presence_penalty, "taken off the logits of tokens used before");
  number("--frequency-penalty", a->frequency_penalty, "the same, for each use");
  number("--repetition-penalty", a->repetition_penalty, "logits of tokens used before: divided by");
  app.add_option("--seed", a->seed, "the same seed gives the same text; else a new one each time")
      ->type_name("N");
  app.add_option("--stop", a->generate.stop_strings,
                 "text that ends an answer, and is not shown; may be given several times")
      ->type_name("TEXT")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--context", a->engine.context,
                 "tokens that a conversation can have; 0: what the model was made for, at most "
                 "4096")
      ->capture_default_str()
      ->type_name("N");
  one_of(app.add_option("--kv-cache", a->kv_cache, "precision of keys and values"), {"f16", "f32"});
  app.add_option("--config", a->config,
                 "config.json of the checkpoint, for what mlc-chat-config.json lacks")
      ->type_name("PATH");
  app.add_flag("--check-values", a->engine.check_values,
               "look for NaN after each kernel, and name the first; slow");
  return [a](const CommandContext& context) {
    a->model = context.local_folder(a->model, Fetch::kAll, "auto");
    return run(*a, context);
  };
}

}  // namespace

const Command kRun = {"run", "generate text with a converted model", setup};

}  // namespace mlc
