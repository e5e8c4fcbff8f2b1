// The static library of an app: the objects of all its model libraries, and the proof that each
// model's library is among them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlc {

struct AppDevice;

// The symbol that a compiled model library defines: "llama_q4f16_1_" names
// "llama_q4f16_1___tvm_ffi__library_bin", with a further _ in front for Apple.
std::string library_symbol(std::string_view model_lib);

// `libraries`: name and path of each tar. Everything in the map is linked in, as mlc_llm does it;
// `needed` are those that models of the app ask for.
//
// Error(kVerify): a needed library is not defined by any object (with those that are, and where
// an older compiler made it, how it names it and what to do). Error(kBadInput): a tar or an object
// that can't be read, one for another kind of device, objects for different machines, no objects.
std::string make_model_library(std::span<const std::pair<std::string, std::string>> libraries,
                               std::span<const std::string> needed, const AppDevice& device);

}  // namespace mlc
