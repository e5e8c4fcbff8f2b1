// Certificates as the key of a signature: a chain from the signer's to one that the user trusts.
#pragma once

#include <string>
#include <vector>

#include "package/sign/key.h"

namespace mlc {

// The key of the first certificate, once the chain holds now, with these anchors only (files with
// PEM certificates; those of the system count for nothing). The first must be for signing (key
// usage digitalSignature, or extended usage codeSigning) and no authority; every certificate has to
// be needed, and there are 10 at most. Error(kVerify) says why not.
PublicKey check_certificates(const std::vector<std::string>& chain,
                             const std::vector<std::string>& anchor_files,
                             const std::string& where);

}  // namespace mlc
