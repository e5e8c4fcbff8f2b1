// Signatures of models: what is written, and every row of hostile input (SG-01 to SG-11).
#include <algorithm>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ecdsa.h>
#include <sys/prctl.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "package/canonical_json.h"
#include "package/sign/dsse.h"
#include "package/sign/ecdsa.h"
#include "package/sign/key.h"
#include "package/sign/signature.h"
#include "package/sign/statement.h"
#include "tests/unit/sign_material.h"

namespace mlc {
namespace {

using test::CertificateRow;
using test::KeyPair;
using test::TestFolder;
using testing::HasSubstr;

// "6: message", or "" when nothing was thrown.
std::string outcome(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return fmt::format("{}: {}", static_cast<int>(error.code()), error.what());
  }
  return {};
}

const SignedFiles& some_files() {
  static const SignedFiles kFiles = {{"mlc-chat-config.json", Digest::of("{}")},
                                     {"params_shard_0.bin", Digest::of("weights")},
                                     {"tokenizer/a.json", Digest::of("")}};
  return kFiles;
}

// DER of a private key of its number alone, as SEC 1 has it.
std::string sec1_pem(const std::string& number, const std::string& curve_oid) {
  auto part = [](char tag, const std::string& content) {
    std::string out(1, tag);
    if (content.size() > 127) out += '\x81';
    out += static_cast<char>(content.size());
    return out + content;
  };
  std::string der =
      part('\x30', part('\x02', "\x01") + part('\x04', number) + part('\xA0', curve_oid));
  return "-----BEGIN EC PRIVATE KEY-----\n" + to_base64(der) + "\n-----END EC PRIVATE KEY-----\n";
}

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

// "R S" in hexadecimal digits of an ECDSA signature.
std::string numbers_of(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  char* r = BN_bn2hex(ECDSA_SIG_get0_r(signature));
  char* s = BN_bn2hex(ECDSA_SIG_get0_s(signature));
  std::string text = fmt::format("{} {}", r, s);
  OPENSSL_free(r);
  OPENSSL_free(s);
  ECDSA_SIG_free(signature);
  return text;
}

TEST(SignKey, NoncesAreThoseOfRfc6979) {
  struct Row {
    const char *oid, *secret, *message, *expected;
  };
  // RFC 6979, A.2.5 to A.2.7.
  const std::vector<Row> rows = {
      {"06082A8648CE3D030107", "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
       "sample",
       "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716 "
       "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"},
      {"06082A8648CE3D030107", "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
       "test",
       "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367 "
       "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"},
      {"06052B81040022",
       "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D"
       "2"
       "EDF5",
       "sample",
       "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80F"
       "A"
       "BE46 99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C7"
       "1A38628AC8"},
      {"06052B81040023",
       "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D"
       "1"
       "6FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
       "sample",
       "C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152"
       "B"
       "534931D7D4E8455CC91F9B15BF05EC36E377FA "
       "617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF"
       "0"
       "777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A"},
  };
  for (const Row& row : rows) {
    PrivateKey key = PrivateKey::parse(sec1_pem(from_hex(row.secret), from_hex(row.oid)), "rfc");
    std::string numbers = numbers_of(key.sign(row.message));
    auto plain = [](const std::string& text) {
      // BN_bn2hex keeps whole bytes; the RFC's leading zeros are not its own.
      std::string out;
      for (std::string_view part : {std::string_view(text).substr(0, text.find(' ')),
                                    std::string_view(text).substr(text.find(' ') + 1)})
        out += std::string(part.substr(part.find_first_not_of('0'))) + " ";
      return out;
    };
    EXPECT_EQ(plain(numbers), plain(row.expected)) << row.oid;
    EXPECT_EQ(key.sign(row.message), key.sign(row.message));
  }
}

TEST(SignKey, HintIsThatOfThePemThatOpensslWrites) {
  TestFolder folder;
  KeyPair pair = test::ec_key("P-256");
  std::string path = folder.write("key.pub", "Some text before the key\n" + pair.public_pem);
  PublicKey key = PublicKey::read(path);
  EXPECT_EQ(key.pem(), pair.public_pem);
  EXPECT_EQ(key.hint(), Digest::of(pair.public_pem).hex());
}

TEST(SignKey, OthersMayNotReadTheFile) {
  struct Warnings : SilentReporter {
    void warn(const std::string& text) override { warned.push_back(text); }
    std::vector<std::string> warned;
  } reporter;
  TestFolder folder;
  std::string path = folder.write("key", test::ec_key("P-256").private_pem);
  std::filesystem::permissions(path, std::filesystem::perms(0640));
  PrivateKey::read(path, reporter);
  ASSERT_EQ(reporter.warned.size(), 1u);
  EXPECT_THAT(reporter.warned[0], HasSubstr("chmod 600"));
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  PrivateKey::read(path, reporter);
  EXPECT_EQ(reporter.warned.size(), 1u);
}

TEST(SignKey, EncryptedKeysNeedTheirPassword) {
  KeyPair pair = test::ec_key("P-384");
  BIO* bio = BIO_new(BIO_s_mem());
  std::string password = "correct horse";
  PEM_write_bio_PKCS8PrivateKey(bio, pair.key.get(), EVP_aes_256_cbc(), password.data(),
                                static_cast<int>(password.size()), nullptr, nullptr);
  std::string pem = test::text_of(bio);
  unsetenv("MLC_SIGN_KEY_PASSWORD");
  EXPECT_THAT(outcome([&] { PrivateKey::parse(pem, "k"); }),
              HasSubstr("2: k: the key is encrypted; its password is taken from "
                        "$MLC_SIGN_KEY_PASSWORD"));
  setenv("MLC_SIGN_KEY_PASSWORD", "wrong canary", 1);
  std::string wrong = outcome([&] { PrivateKey::parse(pem, "k"); });
  EXPECT_THAT(wrong, HasSubstr("3: k: the password in $MLC_SIGN_KEY_PASSWORD does not open"));
  EXPECT_EQ(wrong.find("canary"), std::string::npos);
  setenv("MLC_SIGN_KEY_PASSWORD", password.c_str(), 1);
  EXPECT_EQ(PrivateKey::parse(pem, "k").public_key().pem(), pair.public_pem);
  unsetenv("MLC_SIGN_KEY_PASSWORD");
}

TEST(SignKey, NoCoreFileWhileOneIsThere) {
  KeyPair pair = test::ec_key("P-256");
  int before = prctl(PR_GET_DUMPABLE);
  {
    PrivateKey first = PrivateKey::parse(pair.private_pem, "k");
    EXPECT_EQ(prctl(PR_GET_DUMPABLE), 0);
    { PrivateKey second = PrivateKey::parse(pair.private_pem, "k"); }
    EXPECT_EQ(prctl(PR_GET_DUMPABLE), 0);
  }
  EXPECT_EQ(prctl(PR_GET_DUMPABLE), before);
}

TEST(SignKey, NewKeysAreWrittenOnce) {
  TestFolder folder;
  std::string path = folder.path("release.pem");
  PublicKey key = write_new_key(path);
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0600));
  SilentReporter reporter;
  EXPECT_EQ(PrivateKey::read(path, reporter).public_key().pem(),
            PublicKey::read(path + ".pub").pem());
  EXPECT_EQ(key.curve(), Curve::kP256);
  EXPECT_THAT(outcome([&] { write_new_key(path); }), HasSubstr("2: "));
}

// A key, its policy, and a signature of some_files().
class Signed : public testing::Test {
 protected:
  explicit Signed(const char* curve = "P-256") : pair_(test::ec_key(curve)) {
    policy_.public_key = folder_.write("key.pub", pair_.public_pem);
  }
  PrivateKey key() const { return PrivateKey::parse(pair_.private_pem, "key"); }
  std::string check(std::string_view bundle) const {
    return outcome([&] { check_signature(bundle, "model.sig", policy_); });
  }
  // The bundle of a statement that was changed before it was signed.
  std::string sign_text(const std::string& payload) const { return write_bundle(payload, key()); }
  std::string good() const { return sign_files(some_files(), "tiny", key()); }

  TestFolder folder_;
  KeyPair pair_;
  SignaturePolicy policy_;
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST_F(Signed, EveryCurveHolds) {
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    KeyPair pair = test::ec_key(curve);
    PrivateKey key = PrivateKey::parse(pair.private_pem, "key");
    policy_.public_key = folder_.write("other.pub", pair.public_pem);
    EXPECT_EQ(name_of(key.public_key().curve()), curve);
    std::string bundle = sign_files(some_files(), "tiny", key);
    EXPECT_EQ(bundle, sign_files(some_files(), "tiny", key));
    EXPECT_EQ(check_signature(bundle, "model.sig", policy_).files, some_files());
  }
}

TEST_F(Signed, StatementIsThatOfModelSigning) {
  std::string expected =
      R"({"_type":"https://in-toto.io/Statement/v1","predicate":{"resources":[)"
      R"({"algorithm":"sha256","digest":")" +
      Digest::of("a").hex() + R"(","name":"a-b/z"},{"algorithm":"sha256","digest":")" +
      Digest::of("b").hex() +
      R"(","name":"a/z"}],"serialization":{"allow_symlinks":false,"hash_type":"sha256",)"
      R"("ignore_paths":[".git",".gitattributes",".github",".gitignore","model.sig"],)"
      R"("method":"files"}},"predicateType":"https://model_signing/signature/v1.0",)"
      R"("subject":[{"digest":{"sha256":")" +
      Digest::of(from_hex(Digest::of("a").hex() + Digest::of("b").hex())).hex() +
      R"("},"name":"tiny"}]})";
  EXPECT_EQ(write_statement({{"a/z", Digest::of("b")}, {"a-b/z", Digest::of("a")}}, "tiny"),
            expected);
  EXPECT_EQ(pre_authentication("application/vnd.in-toto+json", "{}"),
            "DSSEv1 28 application/vnd.in-toto+json 2 {}");
}

TEST_F(Signed, SG01_EveryFlippedBitOfTheBundleIsFound) {
  std::string bundle = good();
  ASSERT_EQ(check(bundle), "");
  std::size_t wrong_signature = 0, malformed = 0;
  for (std::size_t i = 0; i < bundle.size() * 8; i++) {
    std::string flipped = bundle;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << i % 8));
    std::string found = check(flipped);
    ASSERT_TRUE(found.starts_with("6: ") || found.starts_with("3: "))
        << "bit " << i << " of " << flipped << ": " << found;
    (found.starts_with("6: ") ? wrong_signature : malformed)++;
  }
  EXPECT_GT(wrong_signature, malformed);
  EXPECT_GT(malformed, 0u);
}

TEST_F(Signed, SG01_FlippedContentOfEachPartIsAFailedCheck) {
  std::string bundle = good();
  Bundle parts = parse_bundle(bundle, "b");
  std::string payload = parts.payload, signature = parts.signature;
  payload[payload.size() / 2] = static_cast<char>(payload[payload.size() / 2] ^ 1);
  signature[12] = static_cast<char>(signature[12] ^ 1);
  EXPECT_THAT(check(replaced(bundle, to_base64(parts.payload), to_base64(payload))),
              HasSubstr("6: model.sig: the signature does not hold"));
  EXPECT_THAT(check(replaced(bundle, to_base64(parts.signature), to_base64(signature))),
              HasSubstr("6: model.sig: the signature does not hold"));
  EXPECT_THAT(check(replaced(bundle, "vnd.in-toto+json\"", "vnd.in-toto+jsoo\"")),
              HasSubstr("6: model.sig: dsseEnvelope: payloadType"));
  std::string hint = parts.hint;
  hint[0] = hint[0] == 'a' ? 'b' : 'a';
  EXPECT_THAT(check(replaced(bundle, parts.hint, hint)),
              HasSubstr("6: model.sig: signed with another key"));
}

TEST_F(Signed, SG02_AnotherKeyUnderTheSameHint) {
  KeyPair other = test::ec_key("P-256");
  std::string bundle =
      sign_files(some_files(), "tiny", PrivateKey::parse(other.private_pem, "other"));
  EXPECT_THAT(check(bundle), HasSubstr("6: model.sig: signed with another key"));
  std::string forged = replaced(bundle, PublicKey::parse(other.public_pem, "o").hint(),
                                PublicKey::parse(pair_.public_pem, "p").hint());
  EXPECT_THAT(check(forged), HasSubstr("6: model.sig: the signature does not hold"));
}

TEST_F(Signed, SG02_DigestThatDoesNotBelongToTheCurve) {
  KeyPair pair = test::ec_key("P-384");
  policy_.public_key = folder_.write("p384.pub", pair.public_pem);
  std::string payload = write_statement(some_files(), "tiny");
  std::string message = pre_authentication(kInTotoType, payload);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestSignInit_ex(context, nullptr, "SHA256", nullptr, nullptr, pair.key.get(), nullptr);
  std::string signature(200, '\0');
  std::size_t size = signature.size();
  ASSERT_EQ(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                           reinterpret_cast<const unsigned char*>(message.data()), message.size()),
            1);
  EVP_MD_CTX_free(context);
  signature.resize(size);
  std::string bundle = write_bundle(payload, PrivateKey::parse(pair.private_pem, "key"));
  ASSERT_EQ(check(bundle), "");
  std::string with_sha256 =
      replaced(bundle, to_base64(parse_bundle(bundle, "b").signature), to_base64(signature));
  EXPECT_THAT(check(with_sha256), HasSubstr("6: model.sig: the signature does not hold"));
}

TEST_F(Signed, SG02_KeysOfOtherKinds) {
  struct Row {
    KeyPair pair;
    const char* expected;
  };
  for (const Row& row :
       {Row{test::ec_key("secp256k1"), "the curve secp256k1"}, Row{test::rsa_key(), "a key of RSA"},
        Row{test::ed25519_key(), "a key of ED25519"}}) {
    policy_.public_key = folder_.write("other.pub", row.pair.public_pem);
    std::string found = check(good());
    EXPECT_THAT(found, HasSubstr(row.expected));
    EXPECT_THAT(found, HasSubstr("expected an ECDSA key of P-256, P-384 or P-521"));
    EXPECT_TRUE(found.starts_with("3: "));
    EXPECT_TRUE(outcome([&] { PrivateKey::parse(row.pair.private_pem, "k"); }).starts_with("3: "));
  }
  policy_.public_key = folder_.write("other.pub", pair_.private_pem);
  EXPECT_THAT(check(good()), HasSubstr("this is a private key"));
}

TEST_F(Signed, SG03_NumberOfSignaturesAndKeyids) {
  std::string bundle = good();
  std::string one = bundle.substr(bundle.find(R"({"keyid")"));
  one = one.substr(0, one.find('}') + 1);
  EXPECT_THAT(check(replaced(bundle, one, "")), HasSubstr("3: model.sig: 0 signatures"));
  EXPECT_THAT(check(replaced(bundle, one, one + "," + one)),
              HasSubstr("3: model.sig: 2 signatures"));
  EXPECT_EQ(check(replaced(bundle, R"("keyid":"")", R"("keyid":null)")), "");
  EXPECT_EQ(check(replaced(bundle, R"("keyid":"",)", "")), "");
  EXPECT_THAT(check(replaced(bundle, R"("keyid":"")", R"("keyid":"x")")), HasSubstr("6: "));
}

TEST_F(Signed, SG04_TypesOfTheStatement) {
  std::string statement = write_statement(some_files(), "tiny");
  EXPECT_THAT(check(replaced(good(), "application/vnd.in-toto+json", "application/json")),
              HasSubstr("6: model.sig: dsseEnvelope: payloadType is \"application/json\""));
  EXPECT_THAT(check(sign_text(replaced(statement, "Statement/v1", "Statement/v0.1"))),
              HasSubstr("6: model.sig: the signed statement has the _type"));
  EXPECT_THAT(check(sign_text(replaced(statement, "signature/v1.0", "signature/v1.1"))),
              HasSubstr("6: model.sig: the signed statement has the predicateType"));
  EXPECT_THAT(check(sign_text(replaced(statement, "\"predicate\":", "\"predicatf\":"))),
              HasSubstr("6: model.sig: the signed statement has no \"predicate\""));
  std::string subject = statement.substr(statement.find(R"({"digest":{"sha256":)"));
  subject = subject.substr(0, subject.find(']'));
  EXPECT_THAT(check(sign_text(replaced(statement, subject, ""))),
              HasSubstr("6: model.sig: the signed statement has 0 subjects"));
  EXPECT_THAT(check(sign_text(replaced(statement, subject, subject + "," + subject))),
              HasSubstr("6: model.sig: the signed statement has 2 subjects"));
  EXPECT_THAT(check(sign_text(replaced(statement, "https://model_signing/signature/v1.0",
                                       "https://model_signing/Digests/v0.1"))),
              HasSubstr("7: model.sig: signed by a model_signing from before version 1.0"));
}

// A statement of these resources, with the root digest that they have.
std::string statement_of(const std::vector<std::pair<std::string, Digest>>& resources) {
  Json list = Json::array();
  std::string raw;
  for (const auto& [name, digest] : resources) {
    list.push(
        Json::object().set("algorithm", "sha256").set("digest", digest.hex()).set("name", name));
    raw += from_hex(digest.hex());
  }
  Json subject = Json::array();
  subject.push(Json::object()
                   .set("name", "tiny")
                   .set("digest", Json::object().set("sha256", Digest::of(raw).hex())));
  return canonical_json(
      Json::object()
          .set("_type", kStatementType)
          .set("subject", std::move(subject))
          .set("predicateType", kSignaturePredicate)
          .set("predicate",
               Json::object()
                   .set("serialization",
                        Json::object().set("method", "files").set("hash_type", "sha256"))
                   .set("resources", std::move(list))));
}

TEST_F(Signed, SG05_Resources) {
  Digest digest = Digest::of("x");
  EXPECT_THAT(check(sign_text(statement_of({}))), HasSubstr("6: model.sig: the signed statement "
                                                            "names no files"));
  EXPECT_THAT(check(sign_text(statement_of({{"a", digest}, {"a", digest}}))),
              HasSubstr("6: model.sig: the signed statement names \"a\" twice"));
  for (const char* name : {"../x", "/etc/x", "a//b", "a/./b", "", "a\\b"})
    EXPECT_THAT(check(sign_text(statement_of({{"b", digest}, {name, digest}}))),
                HasSubstr("6: model.sig: the signed statement names \""))
        << name;
  EXPECT_EQ(check(sign_text(statement_of({{"b", digest}, {"a", digest}}))), "");
}

TEST_F(Signed, SG06_RootDigest) {
  std::string statement = write_statement(some_files(), "tiny");
  std::string root = statement.substr(statement.find(R"("sha256":")") + 10, 64);
  EXPECT_THAT(check(sign_text(replaced(statement, root, Digest::of("other").hex()))),
              HasSubstr("6: model.sig: the signed statement has the root digest"));
}

TEST_F(Signed, SG07_FilesThatAreNotThoseSigned) {
  CheckedSignature expected = check_signature(good(), "model.sig", policy_);
  auto compare = [&](const SignedFiles& files) {
    return outcome([&] { compare_signed_files(expected, files, policy_, "tiny"); });
  };
  SignedFiles files = some_files();
  EXPECT_EQ(compare(files), "");
  files.emplace("model.sig", Digest::of("any"));
  files.emplace(".git/config", Digest::of("any"));
  EXPECT_EQ(compare(files), "");
  for (const char* extra : {"extra", ".hidden/x", "sub/model.sig", "sub/.gitignore"}) {
    SignedFiles more = files;
    more.emplace(extra, Digest::of(""));
    EXPECT_EQ(compare(more), fmt::format("6: tiny: {} is not signed", extra));
    policy_.allow_unsigned_files = true;
    EXPECT_EQ(compare(more), "");
    policy_.allow_unsigned_files = false;
  }
  SignedFiles fewer = files;
  fewer.erase("tokenizer/a.json");
  EXPECT_EQ(compare(fewer), "6: tiny: tokenizer/a.json is signed, but missing");
  SignedFiles changed = files;
  changed["tokenizer/a.json"] = Digest::of(" ");
  EXPECT_EQ(compare(changed), "6: tiny: tokenizer/a.json is not the file that was signed");
  SignedFiles renamed = fewer;
  renamed.emplace("tokenizer/b.json", Digest::of(""));
  EXPECT_THAT(compare(renamed), HasSubstr("1 more differ"));
}

TEST_F(Signed, SG07_OneFileNamedDot) {
  CheckedSignature expected =
      check_signature(sign_text(statement_of({{".", Digest::of("x")}})), "model.sig", policy_);
  compare_signed_files(expected, {{"model.gguf", Digest::of("x")}}, policy_, "tiny");
  EXPECT_NE(outcome([&] {
              compare_signed_files(expected, {{"model.gguf", Digest::of("y")}}, policy_, "tiny");
            }),
            "");
}

TEST_F(Signed, SG08_PathsThatTheSignerLeftOut) {
  std::string statement = write_statement(some_files(), "tiny");
  for (const char* path : {"params_shard_0.bin", "", ".", "*.bin", "./"}) {
    std::string text =
        sign_text(replaced(statement, "\"model.sig\"", fmt::format("\"model.sig\",\"{}\"", path)));
    EXPECT_THAT(check(text),
                HasSubstr(fmt::format("6: model.sig: the signer left out \"{}\"", path)));
    policy_.allow_ignored_paths = true;
    bool everything = std::string_view(path).empty() || path[0] == '.';
    EXPECT_EQ(check(text).empty(), !everything) << path;
    policy_.allow_ignored_paths = false;
  }
}

TEST_F(Signed, SG09_OnlyCanonicalBase64AndDer) {
  std::string bundle = good();
  Bundle parts = parse_bundle(bundle, "b");
  std::string base64 = to_base64(parts.signature);
  auto with = [&](const std::string& text) { return check(replaced(bundle, base64, text)); };
  EXPECT_THAT(with(base64 + "\\n"), HasSubstr("6: model.sig: dsseEnvelope: signatures: sig is no "
                                              "canonical base64"));
  EXPECT_TRUE(with(" " + base64).starts_with("6: "));
  std::string unpadded = base64;
  while (unpadded.ends_with('='))
    unpadded.pop_back();
  EXPECT_EQ(with(unpadded).starts_with("6: "), unpadded != base64);
  EXPECT_TRUE(with(base64 + "====").starts_with("6: "));
  EXPECT_TRUE(with("-_" + base64.substr(2)).starts_with("6: "));
  auto with_der = [&](const std::string& der) { return with(to_base64(der)); };
  EXPECT_TRUE(with_der(parts.signature + '\0').starts_with("6: "));
  EXPECT_TRUE(with_der(from_hex("3006020100020101")).starts_with("6: "));
  EXPECT_TRUE(with_der(from_hex("3006020101020100")).starts_with("6: "));
  EXPECT_TRUE(with_der(from_hex("300602010102017f")).starts_with("6: "));
  EXPECT_TRUE(with_der("").starts_with("6: "));
  // n - s is as good as s.
  const auto* at = reinterpret_cast<const unsigned char*>(parts.signature.data());
  ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(parts.signature.size()));
  BIGNUM* order = nullptr;
  BN_hex2bn(&order, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
  BIGNUM* other = BN_new();
  BN_sub(other, order, ECDSA_SIG_get0_s(signature));
  ECDSA_SIG_set0(signature, BN_dup(ECDSA_SIG_get0_r(signature)), other);
  std::string der(100, '\0');
  auto* end = reinterpret_cast<unsigned char*>(der.data());
  der.resize(static_cast<std::size_t>(i2d_ECDSA_SIG(signature, &end)));
  EXPECT_EQ(with_der(der), "");
  ECDSA_SIG_free(signature);
  BN_free(order);
}

// A bundle with certificates in place of the key.
std::string with_chain(const std::string& bundle, const std::vector<std::string>& chain) {
  Json list = Json::array();
  for (const std::string& der : chain)
    list.push(Json::object().set("rawBytes", to_base64(der)));
  std::size_t at = bundle.find("\"publicKey\":");
  std::size_t end = bundle.find('}', at) + 1;
  return bundle.substr(0, at) + "\"x509CertificateChain\":" +
         canonical_json(Json::object().set("certificates", std::move(list))) + bundle.substr(end);
}

TEST_F(Signed, SG10_Certificates) {
  KeyPair root_key = test::ec_key("P-384"), middle_key = test::ec_key("P-256"),
          wrong_key = test::ec_key("P-256");
  const CertificateRow kAuthority = {.name = "root", .authority = true, .usage = "keyCertSign"};
  test::Certificate root = test::make_certificate(kAuthority, root_key.key, nullptr, root_key.key);
  CertificateRow middle_row = kAuthority;
  middle_row.name = "middle";
  test::Certificate middle = test::make_certificate(middle_row, middle_key.key, root, root_key.key);
  test::Certificate wrong =
      test::make_certificate(kAuthority, wrong_key.key, nullptr, wrong_key.key);
  policy_.public_key.clear();
  policy_.trust_anchors = {folder_.write("root.pem", test::pem_of(root))};
  std::string bundle = good();
  auto leaf = [&](const CertificateRow& row) {
    return test::der_of(test::make_certificate(row, pair_.key, middle, middle_key.key));
  };
  auto chain = [&](const CertificateRow& row) {
    return check(with_chain(bundle, {leaf(row), test::der_of(middle)}));
  };
  EXPECT_EQ(chain({}), "");
  EXPECT_EQ(chain({.usage = nullptr, .extended = "codeSigning"}), "");
  EXPECT_EQ(check(with_chain(bundle, {leaf({}), test::der_of(middle), test::der_of(root)})), "");
  auto expect = [](const std::string& found, const std::string& part) {
    EXPECT_TRUE(found.starts_with("6: ")) << found;
    EXPECT_THAT(found, HasSubstr(part));
  };
  expect(chain({.from = -7200, .until = -3600}), "certificate has expired");
  expect(chain({.from = 3600, .until = 7200}), "not yet valid");
  expect(chain({.authority = true}), "that of an authority");
  expect(chain({.usage = "keyAgreement"}), "not for signing");
  expect(chain({.usage = nullptr}), "not for signing");
  expect(check(with_chain(bundle, {leaf({})})), "unable to get local issuer certificate");
  expect(check(with_chain(bundle, {leaf({}), test::der_of(middle), test::der_of(wrong)})),
         "a certificate that its chain does not need");
  expect(check(with_chain(bundle, std::vector<std::string>(50, leaf({})))),
         "a chain of 50 certificates");
  policy_.trust_anchors = {folder_.write("wrong.pem", test::pem_of(wrong))};
  expect(chain({}), "certificate");
  // A key where certificates are trusted, and the other way.
  expect(check(bundle), "signed with a key, but what is trusted is a certificate");
  policy_.trust_anchors.clear();
  policy_.public_key = folder_.path("key.pub");
  expect(chain({}), "signed with a certificate, but what is trusted is a key");
}

TEST_F(Signed, SG10_EveryFlippedBitOfACertificateIsFound) {
  KeyPair root_key = test::ec_key("P-256");
  test::Certificate root =
      test::make_certificate({.name = "root", .authority = true, .usage = "keyCertSign"},
                             root_key.key, nullptr, root_key.key);
  std::string der = test::der_of(test::make_certificate({}, pair_.key, root, root_key.key));
  policy_.public_key.clear();
  policy_.trust_anchors = {folder_.write("root.pem", test::pem_of(root))};
  std::string bundle = good();
  ASSERT_EQ(check(with_chain(bundle, {der})), "");
  for (std::size_t i = 0; i < der.size() * 8; i++) {
    std::string flipped = der;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << i % 8));
    std::string found = check(with_chain(bundle, {flipped}));
    EXPECT_TRUE(found.starts_with("6: ") || found.starts_with("3: ")) << i << ": " << found;
  }
}

TEST_F(Signed, SG11_HostileDocuments) {
  std::string bundle = good();
  EXPECT_THAT(check(std::string(kMaxBundle + 1, ' ')), HasSubstr("3: model.sig"));
  EXPECT_THAT(check(std::string(100000, '[')), HasSubstr("3: model.sig"));
  EXPECT_THAT(check(replaced(bundle, "\"payload\":", "\"payload\":\"\",\"payload\":")),
              HasSubstr("3: model.sig"));
  EXPECT_THAT(check(replaced(bundle, "\"mediaType\":", "\"x\":0,\"mediaType\":")),
              HasSubstr("3: model.sig: \"x\" at offset"));
  EXPECT_THAT(check("{}"), HasSubstr("3: model.sig: \"mediaType\" is missing"));
  EXPECT_THAT(check(replaced(bundle, "v0.3+json", "v0.4+json")), HasSubstr("3: "));
}

TEST_F(Signed, KeylessIsNotChecked) {
  std::string bundle = good();
  EXPECT_THAT(check(replaced(bundle, "\"tlogEntries\":[]", "\"tlogEntries\":[{}]")),
              HasSubstr("7: model.sig: a keyless signature of Sigstore"));
  EXPECT_THAT(check(replaced(bundle, "\"publicKey\":", "\"certificate\":")),
              HasSubstr("7: model.sig: a keyless signature of Sigstore"));
}

TEST_F(Signed, KeysBeforeVersion1) {
  std::string bundle = good();
  Bundle parts = parse_bundle(bundle, "b");
  PublicKey key = PublicKey::parse(pair_.public_pem, "p");
  std::string raw = replaced(bundle, "\"hint\":\"" + parts.hint + "\"",
                             "\"rawBytes\":\"" + to_base64(key.der()) + "\"");
  EXPECT_EQ(check(raw), "");
  PublicKey other = PublicKey::parse(test::ec_key("P-256").public_pem, "o");
  EXPECT_THAT(check(replaced(raw, to_base64(key.der()), to_base64(other.der()))),
              HasSubstr("6: model.sig: signed with another key"));
}

TEST(CanonicalJson, SortsAndRefuses) {
  Json value = Json::object().set("b", Json::array()).set("a", "\u00e9\n\"").set("B", 1);
  EXPECT_EQ(canonical_json(value), "{\"B\":1,\"a\":\"\u00e9\\n\\\"\",\"b\":[]}");
  EXPECT_TRUE(outcome([] { canonical_json(Json(1.5)); }).starts_with("70: "));
  EXPECT_TRUE(outcome([] { canonical_json(Json("\xff")); }).starts_with("70: "));
}

}  // namespace
}  // namespace mlc
