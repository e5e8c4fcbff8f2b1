#include "convert/not_weights.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"

namespace mlc {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

struct Impostor {
  std::string_view start;  // lower case; compared without regard to case, after white space
  std::string_view message;
};

constexpr std::string_view kWebPage =
    "a web page (html), perhaps an error page of the server, in place of the file; download it "
    "again";

constexpr std::array kImpostors = {
    Impostor{"<!doctype", kWebPage},
    Impostor{"<html", kWebPage},
    Impostor{"<head", kWebPage},
    Impostor{"<?xml", kWebPage},
    Impostor{"{\"error\"", "a server's error message in place of the file; download it again"},
    Impostor{"pk\x03\x04", "a zip archive (PyTorch writes these), not safetensors"},
    Impostor{"gguf", "a GGUF file, not safetensors"},
};

bool starts_with_any_case(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), [](char want, char c) {
           return want == static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
         });
}

// The value of one "key value" line of a pointer file; empty if absent.
std::string_view pointer_line(std::string_view text, std::string_view key) {
  std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + key.size());
  return text.substr(0, text.find_first_of(kSpace));
}

}  // namespace

void throw_if_not_weights(std::string_view head, const std::string& where) {
  std::string_view text = head.substr(std::min(head.find_first_not_of(kSpace), head.size()));
  std::string file = printable(where, 1024);
  // https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md, "The Pointer"
  if (text.starts_with("version https://git-lfs.github.com/spec/"))
    bad_input("{}: git-lfs pointer (oid {}) in place of a file of {} bytes; run git lfs pull", file,
              printable(pointer_line(text, "\noid ")), printable(pointer_line(text, "\nsize ")));
  for (const Impostor& impostor : kImpostors)
    if (starts_with_any_case(text, impostor.start)) bad_input("{}: {}", file, impostor.message);
  bool plain = text.size() >= 8 && std::all_of(text.begin(), text.end(), [](char c) {
                 return (c >= ' ' && c <= '~') || kSpace.find(c) != std::string_view::npos;
               });
  if (plain)
    bad_input("{}: text ('{}') in place of weights; download it again", file, printable(text, 40));
}

}  // namespace mlc
