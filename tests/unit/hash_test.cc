#include "base/hash.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <gtest/gtest.h>

namespace mlc {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

template <class Hash>
std::string digest(std::string_view text, std::size_t step) {
  Hash hash;
  for (std::size_t at = 0; at < text.size(); at += step)
    hash.update(bytes(text.substr(at, step)));
  return hex(hash.finish());
}

// RFC 1321, appendix A.5.
TEST(Hash, Md5KnownAnswers) {
  EXPECT_EQ(digest<Md5>("", 1), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(digest<Md5>("abc", 1), "900150983cd24fb0d6963f7d28e17f72");
  std::string long_text;
  for (int i = 0; i < 8; i++)
    long_text += "1234567890";
  for (std::size_t step : {1u, 7u, 64u, 80u})
    EXPECT_EQ(digest<Md5>(long_text, step), "57edf4a22be3c955ac49da2e2107b67a");
}

// FIPS 180-2, appendix B.
TEST(Hash, Sha256KnownAnswers) {
  EXPECT_EQ(digest<Sha256>("abc", 2),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest<Sha256>("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Hash, Hex) { EXPECT_EQ(hex(std::vector<std::uint8_t>{0x00, 0x9f, 0xff}), "009fff"); }

}  // namespace
}  // namespace mlc
