#!/usr/bin/env bash
# Installs the Debian packages of scripts/packages.txt that are missing, and says which.
#   scripts/setup.sh         all of them
#   scripts/setup.sh build   only what building needs
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-all}
case $kind in
  all | build) ;;
  *)
    echo "setup: unknown argument \"$kind\"; expected nothing or build" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: this is not Debian; install what scripts/packages.txt lists by its own means" >&2
  exit 1
fi

wanted=0 missing=()
while read -r package who _; do
  [[ -z $package || $package == \#* ]] && continue
  [[ $kind == all || $who == "$kind" ]] || continue
  wanted=$((wanted + 1))
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done <scripts/packages.txt

if ((${#missing[@]} == 0)); then
  echo "setup: all $wanted packages are installed"
  exit 0
fi
echo "setup: installing ${#missing[@]} of $wanted packages: ${missing[*]}"
as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "setup: needs root or sudo: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "setup: installed ${#missing[@]} packages"
