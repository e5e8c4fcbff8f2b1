// Shared by the files verify/signed*.cc.
#pragma once

#include <cstdint>
#include <string>

#include "package/oci/layout.h"
#include "package/sign/signature.h"
#include "verify/verify.h"

namespace mlc {

enum class SignatureRule : std::uint8_t {
  kNone,
  kInvalid,
  kDiffers,
  kMissing,
  kUnsigned,
  kNotAFile,
  kNotChecked,
  kAttestationInvalid,
  kAttestationOfAnother,
  kAttestationUnsigned,
  kAttestationByAnother,
  kBlob,
  kIndexMember,
};
const FindingRule& rule_of(SignatureRule rule);

// A finding for each file that is not as it was signed.
void add_signed_differences(const CheckedSignature& expected, const SignedFiles& found,
                            const SignaturePolicy& policy, VerifyReport& report);
// One of the signatures of a package's model that holds. Error(kVerify): none does, or there is
// none; any other error of check_signature(), where all have it.
CheckedSignature check_signature_of(const LayoutPlace& place, const SignaturePolicy& policy);
// Which key the policy trusts; empty with certificates.
std::string hint_of(const SignaturePolicy& policy);

}  // namespace mlc
