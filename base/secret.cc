#include "base/secret.h"

#include <algorithm>

#include <openssl/crypto.h>
#include <sys/prctl.h>

namespace mlc {
namespace {

void wipe(std::string& text) {
  // Short texts stand in the object itself, and moving one leaves its bytes behind.
  text.resize(text.capacity());
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

}  // namespace

Secret::Secret(std::string text) : text_(std::move(text)) {
  if (!text_.empty()) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

Secret::~Secret() { wipe(text_); }

Secret::Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe(text_);
    text_ = other.text_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    text_.swap(other.text_);
    wipe(other.text_);
  }
  return *this;
}

bool is_token_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace mlc
