#!/usr/bin/env bash
# Each folder may include only from those named after it: the table of docs/design.md, "Rooms".
# A name that ends in .h is one header: a stage's front door. Prints every include that breaks it.
# With a folder as argument, that tree is checked instead of this project (the test of this test).
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

declare -A may=(
  [base]=""
  [models]="base"
  [quantize]="base"
  [convert]="base models quantize"
  [genconfig]="base models quantize/quantization.h"
  [runtime-min]="base models quantize"
  [package]="base models convert/convert.h convert/checkpoint_files.h convert/inspect.h genconfig/genconfig.h runtime-min/device.h runtime-min/kernels/kernels.h runtime-min/kernels/kernel_modules.h runtime-min/vulkan/variants.h runtime-min/opencl/variants.h"
  [verify]="base models quantize convert genconfig runtime-min package"
  [deliver]="base convert/convert.h genconfig/genconfig.h package/package.h package/registry/registry.h package/registry/command.h package/fetch.h verify/verify.h"
  [cli]="base convert/command.h genconfig/command.h runtime-min/command.h package/command.h package/fetch.h package/kernels/device_kernels.h verify/command.h deliver/command.h"
)

checked=0 bad=0
for from in "${!may[@]}"; do
  [[ -d $from ]] || continue
  while IFS=: read -r file line text; do
    included=$(sed -E 's/^[^"]*"([^"]+)".*/\1/' <<<"$text")
    checked=$((checked + 1))
    to=${included%%/*}
    # Quoted includes are paths from the root; a generated file has no folder.
    [[ $to == "$from" || $included != */* ]] && continue
    allowed=0
    for place in ${may[$from]}; do
      if [[ $place == "$to" || $place == "$included" ]]; then allowed=1; fi
    done
    if ((!allowed)); then
      echo "$file:$line: $from may not include $included"
      bad=1
    fi
  done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' --include='*.h' --include='*.cc' "$from" || true)
done
# Every folder with sources has to be in the table.
while IFS= read -r folder; do
  if [[ $folder != tests && $folder != cmake && ! -v "may[$folder]" ]]; then
    echo "$folder: not in the table of tests/check_layers.sh"
    bad=1
  fi
done < <(find . -mindepth 2 \( -path './build*' -o -path './.*' \) -prune -o \( -name '*.h' -o -name '*.cc' \) -print | cut -d/ -f2 | sort -u)
echo "layers: $checked includes checked"
exit "$bad"
