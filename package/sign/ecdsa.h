// ECDSA with the nonce of RFC 6979: no random numbers, so the same message and key give the same
// signature. OpenSSL has it from version 3.2 on; Debian 12 has 3.0.
#pragma once

#include <string>
#include <string_view>

struct evp_pkey_st;

namespace mlc {

// `digest` is the message's hash by `hash_name` ("SHA256"), `curve_nid` OpenSSL's number of the
// curve. DER.
std::string ecdsa_sign_rfc6979(evp_pkey_st* key, int curve_nid, const char* hash_name,
                               std::string_view digest);

}  // namespace mlc
