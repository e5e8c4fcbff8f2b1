// Is this test built with AddressSanitizer? It needs memory, time and descriptors of its own, which
// tests of such limits must know.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define MLC_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MLC_SANITIZED true
#endif
#endif
#ifndef MLC_SANITIZED
#define MLC_SANITIZED false
#endif

namespace mlc {
inline constexpr bool kSanitized = MLC_SANITIZED;
}  // namespace mlc
