// Signatures and attestations of a package: manifests that refer to the model's. Each has one
// layer: a Sigstore bundle, or an in-toto statement that nobody signed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "package/oci/layout.h"
#include "package/sign/signature.h"

namespace mlc {

class PrivateKey;

// The predicate, as Sigstore's tools annotate it, so that a reader need not fetch every bundle.
inline constexpr std::string_view kPredicateType = "dev.sigstore.bundle.predicateType";

// The files of a model by its manifest: what an OpenSSF signature of it has to say.
// Error(kBadInput) for layers without a name, or with a name that may not be used.
SignedFiles files_of(const Manifest& model, const std::string& where);

// Adds the referrer; it appears with LayoutWriter::commit({descriptor, ""}). `statement` is an
// in-toto statement, signed when there is a key.
Descriptor add_statement(LayoutWriter& layout, const Descriptor& subject,
                         std::string_view statement, std::string_view predicate_type,
                         const PrivateKey* key);
// The signature of the model's files.
Descriptor add_signature(LayoutWriter& layout, const Descriptor& subject, const Manifest& model,
                         const std::string& name, const PrivateKey& key);

struct Attached {
  Descriptor manifest;
  bool bundle = false;         // else a plain statement
  std::string text;            // of the bundle or statement
  std::string predicate_type;  // as the content says, unchecked; empty when it can't be read
};
// Everything of this kind that refers to the manifest. Error(kVerify) when a blob is damaged.
std::vector<Attached> attached_statements(const Layout& layout, const Digest& subject);

// Signs a model of a package; the same key signs once. Returns the referrer.
Descriptor sign_package(const LayoutPlace& place, const std::string& key_path, Reporter& reporter);

}  // namespace mlc
