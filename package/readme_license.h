// The licence that a model card names.
#pragma once

#include <string>
#include <string_view>

namespace mlc {

// The value of `license:` in the front matter of a README.md (YAML between two lines "---" at the
// very start), as SPDX writes it where it is known to us ("apache-2.0" is Apache-2.0), else as it
// stands. Empty: there is no such line, or what it says is no plain identifier.
std::string license_of_readme(std::string_view text);

// Is this SPDX's name of a licence known to us?
bool is_spdx_license(std::string_view name);

}  // namespace mlc
