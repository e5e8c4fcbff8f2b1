// Texts and numbers on the page of verify. Whatever comes from a file passes through html_text().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace mlc {

// As text or in a quoted attribute: printable(), with the five marks of HTML as references.
std::string html_text(std::string_view text, std::size_t limit = 1000);

// Three or four digits: "0.0137", "15.53", "2.1e-9", "0", "12,345"; "not finite" for NaN and
// infinities.
std::string number_text(double value);
std::string percent_text(double share);  // 0.927: "92.7 %"
std::string rate_text(double bytes_per_second);

// What kinds of params are called on the page: without what the names of all have in front of the
// part that differs ("model.layers.*."), and without ".weight" at the end.
std::vector<std::string> short_kinds(const std::vector<std::string>& kinds);

// JSON for a <script type="application/json">: no "<" in it can end the element, and no comment can
// begin. The value stays the same.
std::string script_json(const Json& value);

}  // namespace mlc
