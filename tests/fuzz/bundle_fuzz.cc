// A signature: any bytes are refused, or what was read of them is sound. After a first byte "S" the
// rest is a statement, whose signature is taken to hold; after any other, a bundle.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/relative_path.h"
#include "package/sign/dsse.h"
#include "package/sign/key.h"
#include "package/sign/statement.h"

namespace {

constexpr std::string_view kKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEpsA4qo15hSIfLulfwBQZnNjeS5bU\n"
    "opKcxSZjaEV2p+qLY15rrGCGaswY7RY9BcA8V+XtCOplw4e59nIKfqd1NA==\n"
    "-----END PUBLIC KEY-----\n";

void read_bundle(std::string_view text) {
  static const mlc::PublicKey key = mlc::PublicKey::parse(kKey, "key");
  mlc::Bundle bundle = mlc::parse_bundle(text, "fuzz");
  int kinds = (bundle.hint.empty() ? 0 : 1) + (bundle.raw_key.empty() ? 0 : 1) +
              (bundle.certificates.empty() ? 0 : 1);
  if (kinds > 1) __builtin_trap();
  mlc::check_bundle_key(bundle, key, "fuzz");
}

void read_statement(std::string_view text) {
  mlc::Statement statement = mlc::parse_statement(text, "fuzz");
  if (statement.files.empty()) __builtin_trap();
  for (const auto& [name, digest] : statement.files)
    if (name != "." && !mlc::relative_path_problem(name).empty()) __builtin_trap();
  // What was read can be said again, and is read as the same.
  std::string again = mlc::write_statement(statement.files, "fuzz");
  if (mlc::parse_statement(again, "again").files != statement.files) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    data[0] == 'S' ? read_statement(text) : read_bundle(text);
  } catch (const mlc::Error& error) {
    if (error.code() != mlc::ExitCode::kBadInput && error.code() != mlc::ExitCode::kVerify &&
        error.code() != mlc::ExitCode::kUnsupported)
      __builtin_trap();
  }
  return 0;
}
