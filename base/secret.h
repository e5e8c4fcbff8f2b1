// A token or password. It can't be printed by accident: streams and fmt write "<secret>", and the
// text is only had through reveal(), which callers use where bytes are handed to the transport. Its
// memory is wiped when it goes. The first one that is not empty turns off core dumps of this
// process (PR_SET_DUMPABLE), for good: copies of it remain in the buffers of libraries.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace mlc {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text);
  ~Secret();
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;

  bool empty() const { return text_.empty(); }
  const std::string& reveal() const { return text_; }

 private:
  std::string text_;
};

// Could this text go into a header as it is? No spaces, line ends or bytes beyond ASCII.
bool is_token_text(std::string_view text);

inline std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "<secret>"; }

}  // namespace mlc

template <>
struct fmt::formatter<mlc::Secret> : fmt::formatter<std::string_view> {
  auto format(const mlc::Secret&, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format("<secret>", context);
  }
};
