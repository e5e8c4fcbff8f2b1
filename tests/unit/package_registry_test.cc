// Talking to servers: addresses, secrets, what servers say in headers, and references to
// registries. tests/cli/network.py and registry.py have the transfers themselves.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/http_download.h"
#include "base/http_retry.h"
#include "base/http_url.h"
#include "base/secret.h"
#include "package/registry/auth.h"
#include "package/registry/pull_checks.h"
#include "package/registry/reference.h"
#include "package/registry/upload.h"
#include "package/version.h"

namespace mlc {
namespace {

using testing::HasSubstr;

template <class Call>
std::string error(Call call) {
  try {
    call();
  } catch (const Error& e) {
    return fmt::format("{}: {}", static_cast<int>(e.code()), e.what());
  }
  return "no error";
}

TEST(HttpUrl, Origins) {
  EXPECT_EQ(http_origin("https://Example.org/x?y"), "https://example.org");
  EXPECT_EQ(http_origin("https://example.org:443/x"), "https://example.org");
  EXPECT_EQ(http_origin("http://example.org:443/x"), "http://example.org:443");
  EXPECT_EQ(http_origin("http://[::1]:5000/x"), "http://[::1]:5000");
  EXPECT_EQ(http_host("http://[::1]:5000/x"), "[::1]");
  for (const char* none : {"", "example.org", "ftp://example.org/", "file:///etc/passwd",
                           "https://user@example.org/", "https://user:pw@example.org/", "https://",
                           "https://a\\@b/", "https://a\\b", "https://a b/", "https://a\r\nX: y/"})
    EXPECT_EQ(http_origin(none), "") << none;
}

TEST(HttpUrl, Redirects) {
  const std::string base = "https://a.example/v2/x/y?q=1";
  EXPECT_EQ(resolve_url(base, "/z"), "https://a.example/z");
  EXPECT_EQ(resolve_url(base, "z?a=b#c"), "https://a.example/v2/x/z?a=b");
  EXPECT_EQ(resolve_url(base, "//b.example/z"), "https://b.example/z");
  EXPECT_EQ(resolve_url(base, "http://b.example/z"), "http://b.example/z");
  for (const char* none : {"ftp://b/", "gopher://b/", "file:///etc/passwd", "https://u@b/",
                           "//u:p@b/", "https://b/\r\nX: y", "https://b/\x01", "https://[::bad/"})
    EXPECT_EQ(resolve_url(base, none), "") << none;
}

TEST(HttpUrl, IsShownWithoutSecrets) {
  EXPECT_EQ(shown_url("https://h/x?sig=secret#f"), "https://h/x");
  EXPECT_EQ(shown_url("https://user:secret@h/x"), "https://h/x");
  EXPECT_EQ(shown_url("https://user:secret@h"), "https://h");
  EXPECT_EQ(shown_url("user:secret@h"), "h");
  EXPECT_EQ(shown_url("https://h/a@b"), "https://h/a@b");
}

TEST(HttpUrl, PrivateAddresses) {
  for (const char* ip : {"127.0.0.1",
                         "127.255.0.1",
                         "0.0.0.0",
                         "10.1.2.3",
                         "172.16.0.1",
                         "172.31.255.255",
                         "192.168.1.1",
                         "169.254.169.254",
                         "100.64.0.1",
                         "224.0.0.1",
                         "255.255.255.255",
                         "::1",
                         "::",
                         "fe80::1",
                         "fc00::1",
                         "fd00:ec2::254",
                         "::ffff:127.0.0.1",
                         "::ffff:10.0.0.1",
                         "ff02::1",
                         "64:ff9b::7f00:1",
                         "2002:7f00:1::",
                         "::127.0.0.1",
                         "no address"})
    EXPECT_TRUE(is_private_address(std::string(ip))) << ip;
  for (const char* ip : {"1.1.1.1", "172.15.0.1", "172.32.0.1", "192.169.0.1", "100.128.0.1",
                         "11.0.0.1", "2606:4700::1111", "::ffff:1.1.1.1"})
    EXPECT_FALSE(is_private_address(std::string(ip))) << ip;
  EXPECT_TRUE(is_this_machine("http://localhost:5000"));
  EXPECT_TRUE(is_this_machine("http://127.1.2.3"));
  EXPECT_TRUE(is_this_machine("https://[::1]:1"));
  for (const char* other : {"http://localhost.evil.example", "http://127.0.0.1.evil.example",
                            "http://128.0.0.1", "http://[::2]"})
    EXPECT_FALSE(is_this_machine(other)) << other;
}

TEST(Secret, IsNotPrintedAndKeepsCoresAway) {
  Secret secret("canary");
  std::ostringstream out;
  out << secret;
  EXPECT_EQ(out.str(), "<secret>");
  EXPECT_EQ(fmt::format("{}", secret), "<secret>");
  EXPECT_EQ(secret.reveal(), "canary");
  EXPECT_EQ(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
  Secret moved = std::move(secret);
  EXPECT_EQ(moved.reveal(), "canary");
  EXPECT_TRUE(secret.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(is_token_text("abc.-_~"));
  EXPECT_FALSE(is_token_text("a b"));
  EXPECT_FALSE(is_token_text("a\nb"));
}

TEST(HttpRetry, RetryAfter) {
  constexpr std::int64_t kNow = 1'000'000'000;  // Sun, 09 Sep 2001 01:46:40 GMT
  EXPECT_EQ(parse_retry_after("7", kNow), 7);
  EXPECT_EQ(parse_retry_after("0", kNow), 0);
  EXPECT_EQ(parse_retry_after("Sun, 09 Sep 2001 01:47:00 GMT", kNow), 20);
  EXPECT_EQ(parse_retry_after("Sun, 09 Sep 2001 01:46:00 GMT", kNow), 0);
  EXPECT_EQ(parse_retry_after("99999999999999999999999", kNow), INT64_MAX);
  EXPECT_EQ(parse_retry_after("", kNow), std::nullopt);
  EXPECT_EQ(parse_retry_after("-5 apples", kNow), std::nullopt);
}

TEST(HttpRetry, Backoff) {
  setenv("MLC_RETRY_BASE_MS", "1", 1);
  Backoff backoff(3, 42);
  EXPECT_TRUE(backoff.wait());
  EXPECT_TRUE(backoff.wait());
  EXPECT_FALSE(backoff.wait());
  backoff.progress();
  EXPECT_FALSE(backoff.wait(301));  // longer than anyone waits
  std::atomic<bool> stop = true;
  EXPECT_FALSE(Backoff(9, 1).wait({}, &stop));
  unsetenv("MLC_RETRY_BASE_MS");
  Backoff slow(9, 7);
  EXPECT_EQ(slow.next_ms(4), 4000U);
  for (int i = 0; i < 100; i++) {
    std::uint64_t ms = slow.next_ms(std::nullopt);
    EXPECT_GE(ms, 250U);
    EXPECT_LE(ms, 500U);
  }
  Backoff same(9, 7), again(9, 7);
  EXPECT_EQ(same.next_ms(std::nullopt), again.next_ms(std::nullopt));
  setenv("MLC_RETRY_BASE_MS", "soon", 1);
  EXPECT_THAT(error([] { Backoff(); }), HasSubstr("2: MLC_RETRY_BASE_MS=soon"));
  unsetenv("MLC_RETRY_BASE_MS");
}

TEST(HttpDownload, ContentRange) {
  std::optional<ContentRange> range = parse_content_range("bytes 5-9/10");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->begin, 5U);
  EXPECT_EQ(range->end, 10U);
  EXPECT_EQ(range->total, 10U);
  EXPECT_EQ(parse_content_range("bytes 5-9/*")->total, std::nullopt);
  for (const char* bad :
       {"", "bytes", "bytes 5-4/10", "bytes 5-10/10", "bytes -5/10", "5-9/10", "bytes 5-9/10x",
        "bytes 5-9", "bytes 0-18446744073709551615/*", "bytes 99999999999999999999-1/2"})
    EXPECT_FALSE(parse_content_range(bad)) << bad;
}

TEST(Registry, UploadRange) {
  EXPECT_EQ(parse_upload_range("0-1023"), 1024U);
  EXPECT_EQ(parse_upload_range("bytes=0-1023"), 1024U);
  EXPECT_EQ(parse_upload_range("0-0"), 0U);
  for (const char* bad : {"", "0", "1-5", "0-x", "0-5 ", "0-18446744073709551615"})
    EXPECT_EQ(parse_upload_range(bad), std::nullopt) << bad;
}

TEST(Registry, References) {
  RegistryReference full = parse_registry_reference(
      "oci://Registry.example.org:5000/team/my-model:v1.2_x@sha256:" + std::string(64, 'a'));
  EXPECT_EQ(full.host, "registry.example.org:5000");
  EXPECT_EQ(full.repository, "team/my-model");
  EXPECT_EQ(full.tag, "v1.2_x");
  EXPECT_EQ(full.target(), "sha256:" + std::string(64, 'a'));
  EXPECT_EQ(parse_registry_reference("localhost/a").target(), "latest");
  EXPECT_EQ(parse_registry_reference("[::1]:5000/a__b/c--d:x").host, "[::1]:5000");
  EXPECT_EQ(parse_registry_reference(full.text()).text(), full.text());
  for (const char* bad : {"",
                          "a",
                          "a/b",
                          "https://h.example/b",
                          "h.example/",
                          "h.example/B",
                          "h.example/a//b",
                          "h.example/a_-b",
                          "h.example/a___b",
                          "h.example/-a",
                          "h.example/a/",
                          "h.example/a:",
                          "h.example/a:.x",
                          "h.example/a:x y",
                          "h.example:0/a",
                          "h.example:65536/a",
                          "h.example:x/a",
                          "-h.example/a",
                          "h..example/a",
                          "h.example/../a",
                          "h.example/a%2f",
                          "[::1/a",
                          "h.example/a?x",
                          "h_x.example/a"})
    EXPECT_THAT(error([&] { parse_registry_reference(bad); }), testing::StartsWith("2: ")) << bad;
  EXPECT_THAT(error([] { parse_registry_reference("h.example/a@sha256:xyz"); }),
              testing::StartsWith("3: "));
}

TEST(Registry, Challenges) {
  std::vector<AuthChallenge> found = parse_challenges(
      R"(Basic realm="a, b", Bearer realm="https://h/t?x=\"1\"",service=s , scope = "r:a:pull")");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].scheme, "basic");
  EXPECT_EQ(found[0].get("realm"), "a, b");
  EXPECT_EQ(found[1].scheme, "bearer");
  EXPECT_EQ(found[1].get("realm"), "https://h/t?x=\"1\"");
  EXPECT_EQ(found[1].get("service"), "s");
  EXPECT_EQ(found[1].get("scope"), "r:a:pull");
  EXPECT_EQ(found[1].get("none"), "");
  EXPECT_TRUE(parse_challenges("").empty());
  EXPECT_TRUE(parse_challenges("realm=\"x\"").empty());
  EXPECT_TRUE(parse_challenges("Bearer realm=\"x")[0].get("realm").empty());
  EXPECT_EQ(parse_challenges("Negotiate, Basic realm=x").size(), 2U);
}

class DockerConfig : public testing::Test {
 protected:
  DockerConfig() {
    std::string name = (std::filesystem::temp_directory_path() / "mlc-docker-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    setenv("DOCKER_CONFIG", folder_.c_str(), 1);
  }
  ~DockerConfig() override {
    unsetenv("DOCKER_CONFIG");
    std::filesystem::remove_all(folder_);
  }
  void write(const std::string& text) const { std::ofstream(folder_ + "/config.json") << text; }
  std::string folder_;
};

TEST_F(DockerConfig, Credentials) {
  EXPECT_EQ(find_credentials("h.example").from, "");
  write(fmt::format(R"({{"auths":{{"h.example":{{"auth":"{}"}},)"
                    R"("https://index.docker.io/v1/":{{"username":"hub","password":"p"}},)"
                    R"("helper.example":{{}}}},"credsStore":"x"}})",
                    to_base64("me:pass:word")));
  RegistryCredentials found = find_credentials("h.example");
  EXPECT_EQ(found.user, "me");
  EXPECT_EQ(found.password.reveal(), "pass:word");
  EXPECT_EQ(find_credentials("registry-1.docker.io").user, "hub");
  EXPECT_EQ(find_credentials("h.example:5000").from, "");
  EXPECT_EQ(find_credentials("helper.example").from, "");
  setenv("MLC_REGISTRY_USER", "env", 1);
  EXPECT_THAT(error([] { find_credentials("h.example"); }), HasSubstr("2: MLC_REGISTRY_USER is"));
  setenv("MLC_REGISTRY_PASSWORD", "pw", 1);
  EXPECT_EQ(find_credentials("h.example").user, "env");
  unsetenv("MLC_REGISTRY_USER");
  unsetenv("MLC_REGISTRY_PASSWORD");
  write(R"({"auths":{"h.example":{"auth":"!"}}})");
  EXPECT_THAT(error([] { find_credentials("h.example"); }), HasSubstr("expected base64"));
}

TEST(Registry, Versions) {
  const std::vector<std::string> ordered = {
      "0.0.1",       "0.9.9",         "1.0.0-1",    "1.0.0-2",      "1.0.0-10",
      "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
      "1.0.0",       "1.0.1",         "1.2.0",      "1.10.0",       "2.0.0"};
  for (std::size_t i = 0; i < ordered.size(); i++)
    for (std::size_t j = 0; j < ordered.size(); j++) {
      int order = compare_versions(ordered[i], ordered[j]);
      EXPECT_EQ(order < 0, i < j) << ordered[i] << " " << ordered[j];
      EXPECT_EQ(order > 0, i > j) << ordered[i] << " " << ordered[j];
    }
  EXPECT_EQ(compare_versions("1.0.0+a", "1.0.0+b"), 0);
  EXPECT_THAT(error([] { check_min_version("1.0.0", "1.0.1", "x"); }), testing::StartsWith("6: "));
  EXPECT_THAT(error([] { check_min_version("", "1.0.1", "x"); }), testing::StartsWith("6: "));
  EXPECT_EQ(error([] { check_min_version("1.1.0", "1.0.1", "x"); }), "no error");
}

TEST_F(DockerConfig, Lock) {
  const std::string path = folder_ + "/mlc.lock";
  const Digest one = Digest::of("1"), two = Digest::of("2");
  PackageLock lock(path, "h.example/a:v1");
  lock.check(one);
  lock.record(one, "1.0.0");
  lock.check(one);
  EXPECT_THAT(error([&] { lock.check(two); }), HasSubstr("6: h.example/a:v1: the registry has"));
  PackageLock(path, "h.example/b:v1").record(two, "");
  PackageLock(path, "h.example/b:v1").check(two);
  lock.check(one);
  std::ofstream(path) << R"({"h.example/a:v1":{}})";
  EXPECT_THAT(error([&] { lock.check(one); }), testing::StartsWith("3: "));
}

}  // namespace
}  // namespace mlc
