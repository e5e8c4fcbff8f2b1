// Two prompts of one conversation, compared part by part. The parts lie between the texts of the
// messages, which are the same in both.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

// What stands before the first of `texts`, between them and after the last; none if they do not all
// occur in this order.
std::optional<std::vector<std::string>> split_prompt(std::string_view prompt,
                                                     const std::vector<std::string_view>& texts);

// Where both differ first, shown one above the other: control characters are written as escapes,
// what is far from the difference is left out, and a mark stands below the first difference.
//
//   tokenizer_config.json  ...<|eot_id|><|start_header_id|>user
//   chatml                 ...<|im_end|>\n<|im_start|>user
//                             ^ byte 57
std::string side_by_side(std::string_view name_a, std::string_view a, std::string_view name_b,
                         std::string_view b);

}  // namespace mlc
