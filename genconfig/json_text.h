// Pieces of JSON text as Hugging Face's tokenizers saves them: two spaces of indent, UTF-8 as it
// is.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "genconfig/tokenizer_config.h"

namespace mlc {

// With quotes; equal to Python's json.dumps(text, ensure_ascii=False).
std::string json_string(std::string_view text);

// A finite double as Rust's serde_json writes it: shortest round trip, with an exponent from 1e16
// on and below 1e-5 ("1e-7", "1.5e16"; Python writes "1e-07" and "1.5e+16").
std::string serde_double(double value);

Json added_token_json(std::uint64_t id, const AddedToken& token);

// {"type": type} to be extended with set().
Json typed(std::string_view type);

// `head` written with an indent of two, and `model`, the text of an object at that place, as its
// last member.
std::string with_model(const Json& head, std::string_view model);

}  // namespace mlc
