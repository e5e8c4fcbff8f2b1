// `mlc tokenize`
#include "runtime-min/command.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "runtime-min/tokenizer/tokenizer.h"

namespace mlc {
namespace {

struct Arguments {
  std::string model;
  std::string text;
  std::string file;
  std::string decode;
  bool special = false;
};

constexpr std::uint64_t kMaxText = std::uint64_t{1} << 30;

std::string read_standard_input() {
  std::string text;
  for (;;) {
    char block[1 << 16];
    ssize_t size = ::read(STDIN_FILENO, block, sizeof block);
    if (size == 0) return text;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) io_error("standard input", "can't read", errno);
    text.append(block, static_cast<std::size_t>(size));
    if (text.size() > kMaxText)
      bad_input("standard input: more than {} bytes; tokenize it in parts", kMaxText);
  }
}

// "1 2,3 [4]": what this command prints, and what other tools print.
std::vector<std::int32_t> read_ids(std::string_view text) {
  constexpr std::string_view kBetween = " ,[]\n\t\r";
  std::vector<std::int32_t> ids;
  for (std::size_t at = text.find_first_not_of(kBetween); at != std::string_view::npos;) {
    std::size_t end = std::min(text.find_first_of(kBetween, at), text.size());
    std::string_view word = text.substr(at, end - at);
    std::int32_t id = 0;
    auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || stop != word.data() + word.size() || id < 0)
      fail(ExitCode::kUsage, "--decode: '{}' is no token id", printable(word, 40));
    ids.push_back(id);
    at = text.find_first_not_of(kBetween, end);
  }
  return ids;
}

ExitCode decode(const Tokenizer& tokenizer, const Arguments& arguments,
                const CommandContext& context) {
  std::vector<std::int32_t> ids = read_ids(arguments.decode);
  for (std::int32_t id : ids)
    if (!tokenizer.token_text(id))
      context.reporter.warn(fmt::format("no token has the id {}; it is left out", id));
  std::string text = tokenizer.decode(ids, {.skip_special_tokens = !arguments.special});
  context.print(context.json ? dump_json(Json::object().set("text", text)) + "\n" : text + "\n");
  return ExitCode::kDone;
}

ExitCode run(const Arguments& arguments, bool has_text, bool has_decode,
             const CommandContext& context) {
  std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(arguments.model);
  if (has_decode) return decode(*tokenizer, arguments, context);
  std::string text = has_text                 ? arguments.text
                     : arguments.file.empty() ? read_standard_input()
                                              : read_file(arguments.file, kMaxText);
  std::vector<std::int32_t> ids =
      tokenizer->encode(text, {.add_special_tokens = arguments.special});
  if (!context.json) {
    context.print(fmt::format("{}\n", fmt::join(ids, " ")));
    return ExitCode::kDone;
  }
  Json numbers = Json::array();
  Json tokens = Json::array();
  for (std::int32_t id : ids) {
    numbers.push(std::int64_t{id});
    tokens.push(tokenizer->token_text(id).value_or(""));
  }
  context.print(
      dump_json(Json::object().set("ids", std::move(numbers)).set("tokens", std::move(tokens))) +
      "\n");
  return ExitCode::kDone;
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.add_option("MODEL", a->model,
                 "model folder with tokenizer.json or tokenizer_model, one of these files, "
                 "HF://owner/name or oci://HOST/REPOSITORY:TAG")
      ->required()
      ->type_name("PATH");
  CLI::Option* text = app.add_option("--text", a->text, "the text; otherwise standard input");
  CLI::Option* file =
      app.add_option("--file", a->file, "read the text from this file")->type_name("PATH");
  CLI::Option* decode =
      app.add_option("--decode", a->decode, "print the text of these token ids instead")
          ->type_name("IDS");
  text->excludes(file)->excludes(decode);
  file->excludes(decode);
  app.add_flag("--special", a->special,
               "add the special tokens that the tokenizer puts around a text; "
               "with --decode, print special tokens too");
  return [a, text, decode](const CommandContext& context) {
    a->model = context.local_folder(a->model, Fetch::kConfig, "auto");
    return run(*a, text->count() > 0, decode->count() > 0, context);
  };
}

}  // namespace

const Command kTokenize = {"tokenize", "print the token ids of a text, or the text of token ids",
                           setup};

}  // namespace mlc
