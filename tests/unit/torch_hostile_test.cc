// PyTorch files that would run something where they are unpickled: nothing is started.
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iostream>

#ifdef __x86_64__
#include <csignal>
#include <cstddef>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "base/json.h"
#include "convert/convert.h"
#include "tests/unit/torch_files.h"

namespace mlc {
namespace {

using namespace torch_files;
namespace fs = std::filesystem;

// Opens and reads a source completely; the error, or "".
std::string read_all(const fs::path& path) {
  try {
    Checkpoint checkpoint = open_checkpoint(path.string(), "huggingface-torch");
    for (const SourceTensor& t : checkpoint.tensors)
      values(t);
  } catch (const Error& e) {
    EXPECT_TRUE(e.code() == ExitCode::kBadInput || e.code() == ExitCode::kUsage) << e.what();
    return e.what();
  }
  return "";
}

#ifdef __x86_64__
// From here on the process is killed when it starts a program, a process or a connection.
bool forbid_processes() {
  constexpr std::uint32_t kForbidden[] = {SYS_execve, SYS_execveat, SYS_fork,   SYS_vfork,
                                          SYS_clone,  SYS_clone3,   SYS_socket, SYS_connect};
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (std::uint32_t call : kForbidden) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

constexpr int kNoSeccomp = 77;

// How a child ends that may start nothing: its exit code, or minus the signal.
template <class Work>
int end_of_child(Work work) {
  pid_t child = ::fork();
  if (child == 0) ::_exit(forbid_processes() ? work() : kNoSeccomp);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(TorchHostile, StartsNoProcess) {
  int control = end_of_child([] {
    // What os.system does.
    if (::fork() == 0) ::_exit(0);
    return 0;
  });
  if (control == kNoSeccomp) {
    std::cout << "skipped: no seccomp here\n";
    return;
  }
  ASSERT_EQ(control, -SIGSYS);
  fs::path hostile = fs::path(MLC_TEST_SHARED) / "golden" / "formats" / "torch" / "hostile";
  std::vector<fs::path> files;
  if (fs::exists(hostile))
    for (const auto& entry : fs::directory_iterator(hostile))
      if (entry.path().extension() == ".bin") files.push_back(entry.path());
  EXPECT_EQ(end_of_child([&] {
              for (const char* module : {"os", "posix", "subprocess", "builtins", "pty"})
                for (const char* name : {"system", "Popen", "eval", "exec", "spawn"}) {
                  std::string call = "c"s + module + "\n"s + name + "\n"s + text("true") + "\x85R"s;
                  if (refusal_of(kProto + call + kGood.substr(2)).empty()) return 1;
                }
              for (const fs::path& file : files)
                read_all(file);
              return 0;
            }),
            0);
  std::printf("25 calls and %zu files read under a filter that kills what starts a process\n",
              files.size());
}
#endif

TEST(TorchHostile, EveryFileIsRefused) {
  fs::path folder = fs::path(MLC_TEST_SHARED) / "golden" / "formats" / "torch" / "hostile";
  if (!fs::exists(folder / "hostile.json")) {
    std::cout << "skipped: no shared data\n";
    return;
  }
  const fs::path payload = "/tmp/golden-hostile-PWNED";  // what they make where they run
  fs::remove(payload);
  int refused = 0, accepted = 0, absent = 0, named = 0;
  Json list = read_json_file((folder / "hostile.json").string());
  for (const auto& [name, entry] : list.members("hostile.json")) {
    SCOPED_TRACE(name);
    if (!fs::exists(folder / name)) {
      absent++;
      continue;
    }
    std::string expect = entry.find("expect")->as_string("expect");
    if (name.starts_with("legacy-")) expect = "refuse";
    std::clock_t start = std::clock();  // CPU time: other programs may be busy, too
    std::string error = read_all(folder / name);
    EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC);
    if (expect == "accept") {
      EXPECT_EQ(error, "");
    }
    if (expect == "refuse") {
      EXPECT_NE(error, "") << entry.find("why")->as_string("why");
    }
    if (name.starts_with("pk-") && expect == "refuse") {
      EXPECT_HAS(error, "opcode ");
      named++;
    }
    (error.empty() ? accepted : refused)++;
    if (std::getenv("MLC_TEST_VERBOSE") != nullptr)
      std::cout << name << " [" << expect << "]: " << error << "\n";
  }
  EXPECT_FALSE(fs::exists(payload));
  EXPECT_GE(named, 15);
  std::printf("%d pickles refused with the opcode or global named\n", named);
  std::printf("%d refused, %d accepted, %d not there\n", refused, accepted, absent);
}

}  // namespace
}  // namespace mlc
