// The look of verify's page: light and dark, wide and narrow.
#pragma once

#include <string>

namespace mlc {

// Classes of colours in the map of errors: "v0" (least) to "v19".
inline constexpr int kShades = 20;

std::string html_style();

}  // namespace mlc
