// `mlc sign`.
#include "package/command.h"

#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "package/sign/key.h"
#include "package/sign/referrer.h"
#include "package/sign/signed_folder.h"

namespace mlc {
namespace {

struct Arguments {
  std::string model;
  std::string key;
  std::string new_key;
  unsigned threads = 0;
};

ExitCode make_key(const Arguments& arguments, const CommandContext& context) {
  PublicKey key = write_new_key(arguments.new_key);
  std::string public_path = arguments.new_key + ".pub";
  if (context.json)
    context.print(dump_json(Json::object()
                                .set("private_key", arguments.new_key)
                                .set("public_key", public_path)
                                .set("curve", name_of(key.curve()))
                                .set("hint", key.hint()),
                            2) +
                  "\n");
  else
    context.print(fmt::format("private key  {}   keep it secret\npublic key   {}   publish it\n",
                              printable(arguments.new_key, 1000), printable(public_path, 1000)));
  return ExitCode::kDone;
}

ExitCode sign_layout(const LayoutPlace& place, const Arguments& arguments,
                     const CommandContext& context) {
  Descriptor signature = sign_package(place, arguments.key, context.reporter);
  if (context.json)
    context.print(
        dump_json(
            Json::object().set("model", arguments.model).set("signature", signature.digest.text()),
            2) +
        "\n");
  else
    context.print(
        fmt::format("signed {}: {}\n", printable(arguments.model, 1000), signature.digest.text()));
  return ExitCode::kDone;
}

ExitCode run(const Arguments& arguments, const CommandContext& context) {
  if (!arguments.new_key.empty()) {
    if (!arguments.model.empty() || !arguments.key.empty())
      fail(ExitCode::kUsage, "--new-key makes a key and signs nothing: leave MODEL and --key out");
    return make_key(arguments, context);
  }
  if (arguments.model.empty()) fail(ExitCode::kUsage, "MODEL is required, or --new-key FILE");
  if (arguments.key.empty())
    fail(ExitCode::kUsage, "--key is required; mlc sign --new-key FILE makes one");
  LayoutPlace place = parse_layout_place(arguments.model);
  if (is_layout(place.path)) return sign_layout(place, arguments, context);
  std::size_t files =
      sign_folder(arguments.model, arguments.key, arguments.threads, context.reporter);
  std::string signature = (std::filesystem::path(arguments.model) / kSignatureFile).string();
  if (context.json)
    context.print(dump_json(Json::object()
                                .set("model", arguments.model)
                                .set("files", std::uint64_t{files})
                                .set("signature", signature),
                            2) +
                  "\n");
  else
    context.print(fmt::format("signed {} file{}: {}\n", files, files == 1 ? "" : "s",
                              printable(signature, 1000)));
  return ExitCode::kDone;
}

RunCommand setup(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  app.add_option("MODEL", a->model,
                 "folder of a converted model, into which model.sig is written; or a package, PKG "
                 "or PKG:TAG, "
                 "to which the signature is added")
      ->type_name("PATH");
  app.add_option("--key", a->key,
                 "private key in PEM (ECDSA P-256, P-384 or P-521); the password of an encrypted "
                 "one is taken from $MLC_SIGN_KEY_PASSWORD")
      ->type_name("FILE");
  app.add_option("--new-key", a->new_key,
                 "make a P-256 key pair, FILE and FILE.pub, and sign nothing")
      ->type_name("FILE");
  app.add_option("--threads", a->threads, "how many CPUs to use; 0: all")
      ->capture_default_str()
      ->check(CLI::Range(0U, 1024U))
      ->type_name("N");
  return [a](const CommandContext& context) { return run(*a, context); };
}

}  // namespace

const Command kSign = {"sign", "sign a model with a key, or make a key", setup};

}  // namespace mlc
