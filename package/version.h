// Versions of packages, and the tags that say them.
#pragma once

#include <string>
#include <string_view>

namespace mlc {

// MAJOR.MINOR.PATCH[-PRERELEASE][+BUILD], as Semantic Versioning 2.0.0 has it: numbers without
// leading zeros, no empty part.
bool is_semantic_version(std::string_view text);
// Precedence of two such: < 0, 0, > 0. What follows '+' doesn't count.
int compare_versions(std::string_view a, std::string_view b);

// NAME-VERSION in the grammar of tags: '+' becomes '_' (as Helm has it), anything else that a tag
// can't hold '-'; too long a name is cut, the version never.
std::string default_tag(std::string_view name, std::string_view version);

}  // namespace mlc
