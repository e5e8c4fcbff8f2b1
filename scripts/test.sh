#!/usr/bin/env bash
# Everything that continuous integration checks, cheap things first; the tests of the Release build
# come last, so that the output ends with their summary. Each stage says what it does and its time.
#   scripts/test.sh            all stages
#   scripts/test.sh STAGE...   some: setup format layers shellcheck release tidy asan fuzz tests
set -euo pipefail
cd "$(dirname "$0")/.."

jobs=$(nproc)
fuzz_seconds=${MLC_FUZZ_SECONDS:-5} # for each target
tidy_files=5                       # at most; about 6 s each
tidy_commits=20                    # on the main line, what counts as changed
once=OFF                           # tests of readers run in the build with sanitizers alone
sources() { git ls-files '*.h' '*.cc'; }

stage_setup() { # the Debian packages that are missing
  scripts/setup.sh
}

stage_format() { # clang-format on every tracked source file
  sources | xargs clang-format --dry-run -Werror
  echo "$(sources | wc -l) files are formatted"
}

stage_layers() { # which folder includes which, against the table
  tests/check_layers.sh
}

stage_shellcheck() { # every shell script
  local scripts
  mapfile -t scripts < <(git ls-files '*.sh' .ci/run | grep -v '^tests/cli/cases/')
  shellcheck "${scripts[@]}"
  # The cases run inside the runner, which gives them their shell, options and variables.
  git ls-files 'tests/cli/cases/*.sh' | xargs shellcheck --shell=bash --exclude=SC1091,SC2094,SC2148,SC2154
  echo "$(git ls-files '*.sh' .ci/run | wc -l) scripts are clean"
}

build() { # PRESET [configure argument]...
  local preset=$1
  shift
  mkdir -p build
  cmake --preset "$preset" -DMLC_TESTS=ON "$@" >"build/$preset-configure.log" 2>&1 || {
    cat "build/$preset-configure.log"
    return 1
  }
}

stage_release() { # Release build with g++, warnings are errors
  build release -DMLC_TESTS_ONCE="$once"
  cmake --build build/release -j "$jobs"
}

# What this branch changes; on the main line itself, what the last commits changed.
changed_sources() {
  local base
  base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  if [[ -z $base || $base == $(git rev-parse HEAD) ]]; then
    base=$(git rev-list --first-parent --max-count="$((tidy_commits + 1))" HEAD | tail -n 1)
  fi
  # A history shorter than that: its first commit counts as changed too.
  if ! git rev-parse -q --verify "$base^" >/dev/null; then base=$(git hash-object -t tree /dev/null); fi
  git diff --name-only --diff-filter=d "$base" -- '*.cc' ':!tests'
}

stage_tidy() { # clang-tidy on what changed
  local files left=0
  mapfile -t files < <(changed_sources)
  if ((${#files[@]} == 0)); then
    echo "nothing changed"
    return
  fi
  if ((${#files[@]} > tidy_files)); then
    left=$((${#files[@]} - tidy_files))
    # A different part each day, so that in time all are seen.
    mapfile -t files < <(printf '%s\n' "${files[@]}" | shuf -n "$tidy_files" --random-source=<(yes "$(date +%F)"))
  fi
  printf '%s\n' "${files[@]}" | xargs -P "$jobs" -n 1 clang-tidy -p build/release \
    --extra-arg=-fconstexpr-steps=100000000 --quiet 2>/dev/null
  echo "${#files[@]} changed files are clean, $left more changed files were left out"
}

stage_asan() { # all tests with AddressSanitizer and UndefinedBehaviorSanitizer (clang)
  # Not g++: it takes constexpr tables for non-constant under -fsanitize=undefined (GCC bug 71962).
  build asan
  cmake --build build/asan -j "$jobs"
  ctest --test-dir build/asan -j "$jobs" --output-on-failure --no-tests=error
}

stage_fuzz() { # each fuzz target for a short while, in the build with the sanitizers
  local targets
  mapfile -t targets < <(git ls-files 'tests/fuzz/*_fuzz.cc' | xargs -r -n 1 basename -s .cc)
  mkdir -p build/asan/found
  export fuzz_seconds
  # shellcheck disable=SC2016  # the inner shell expands it
  printf '%s\n' "${targets[@]}" | xargs -P "$((2 * jobs))" -n 1 bash -c '
    set -u
    corpus=build/asan/corpus/$1
    mkdir -p "$corpus"
    if "build/asan/tests/$1" -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=2048 \
      -artifact_prefix="build/asan/found/$1-" "$corpus" "tests/fuzz/corpus/$1" >"build/asan/$1.log" 2>&1; then
      echo "$1: $(grep -oE "Done [0-9]+ runs.*" "build/asan/$1.log")"
    else
      echo "$1: FAILED"
      tail -n 40 "build/asan/$1.log"
      exit 1
    fi' fuzz
}

stage_tests() { # all tests of the Release build
  ctest --test-dir build/release -j "$jobs" --output-on-failure --no-tests=error
}

# A stage in the words of the comment beside it.
describe() { sed -nE "s/^stage_$1\(\) \{ # (.*)/\1/p" scripts/test.sh; }

stages=("$@")
if ((${#stages[@]} == 0)); then
  stages=(setup format layers shellcheck release tidy asan fuzz tests)
fi
if [[ " ${stages[*]} " == *" asan "* ]]; then once=ON; fi
times=()
for stage in "${stages[@]}"; do
  if ! declare -F "stage_$stage" >/dev/null; then
    echo "test: unknown stage \"$stage\"" >&2
    exit 2
  fi
  printf '\n== %s: %s\n' "$stage" "$(describe "$stage")"
  begun=$SECONDS
  # The times of all stages belong before the summary of the last one.
  if [[ $stage == "${stages[-1]}" ]] && ((${#times[@]} > 0)); then echo "times so far: ${times[*]}"; fi
  "stage_$stage"
  times+=("$stage $((SECONDS - begun))s")
  if [[ $stage != "${stages[-1]}" ]]; then echo "== $stage took $((SECONDS - begun)) s"; fi
done
