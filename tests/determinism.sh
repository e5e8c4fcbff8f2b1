#!/usr/bin/env bash
# The same input gives the same bytes: g++ and clang, Release and Debug, 1, 2, 3 and 8 threads. Builds
# four programs, so it is run by hand, not by CI (CI holds the golden conversions with g++ Release and clang RelWithDebInfo).
#   tests/determinism.sh [CHECKPOINT]     default: the bundled kjv-llama
set -euo pipefail
cd "$(dirname "$0")/.."

checkpoint=${1:-tests/data/kjv-llama}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() { # NAME [cmake option]...
  local name=$1
  shift
  cmake -G Ninja -S . -B "build/same-$name" -DMLC_TESTS=OFF "$@" >"$work/configure.log"
  cmake --build "build/same-$name" --target mlc >"$work/build.log" || {
    cat "$work/build.log"
    return 1
  }
}

build gcc-release -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=g++
build gcc-debug -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER=g++
build clang-release -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=clang++
build clang-debug -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER=clang++

runs=0
for quantization in q0f16 q0f32 q3f16_0 q3f16_1 q4f16_0 q4f16_1 q4f16_2 q4bf16_1 q4f32_1; do
  for method in rtn search; do
    for rule in mlc-2024 mlc-2025 mlc-2026; do
      first=
      for program in gcc-release gcc-debug clang-release clang-debug; do
        for threads in 1 2 3 8; do
          # Debug differs in speed only; two thread counts are enough there.
          if [[ $program == *debug && $threads -gt 2 ]]; then continue; fi
          out="$work/out"
          rm -rf "$out"
          "build/same-$program/mlc" convert_weight "$checkpoint" --quantization "$quantization" --method "$method" \
            --numerics "$rule" --threads "$threads" --quiet -o "$out" >/dev/null
          sum=$(cd "$out" && sha256sum -- * | sha256sum)
          first=${first:-$sum}
          if [[ $sum != "$first" ]]; then
            echo "differs: $quantization $method $rule, $program with $threads threads"
            exit 1
          fi
          runs=$((runs + 1))
        done
      done
    done
  done
done
echo "$runs conversions of $checkpoint: each scheme, method and rule gave one sha256"
