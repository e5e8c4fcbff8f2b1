// What a signature of a model says: an in-toto statement with the predicate of OpenSSF Model
// Signing v1.0. It lists every file and its SHA-256; the subject is the hash of those hashes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "package/sign/signature.h"

namespace mlc {

inline constexpr std::string_view kStatementType = "https://in-toto.io/Statement/v1";
inline constexpr std::string_view kSignaturePredicate = "https://model_signing/signature/v1.0";

struct Statement {
  SignedFiles files;
  std::vector<std::string> ignored;  // paths that the signer left out
};

std::string write_statement(const SignedFiles& files, const std::string& name);
// Of a payload whose signature holds. Error(kVerify) when it says what can't be; kUnsupported for
// ways of hashing that are known and not taken.
Statement parse_statement(std::string_view payload, const std::string& where);
// Its predicateType; empty when there is none.
std::string predicate_type_of(std::string_view payload, const std::string& where);

// What every signer leaves out: .git, .gitattributes, .github, .gitignore.
bool is_ignored_by_default(std::string_view name);

}  // namespace mlc
