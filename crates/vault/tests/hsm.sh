#!/usr/bin/env bash
# Runs tests/hsm.rs against a real token behind PKCS#11: Debian's softhsm2, which it installs where it is missing (as root). Without it the test would only say that it is skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! command -v softhsm2-util >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends softhsm2 >/dev/null
fi
softhsm2-util --version
output=$(mktemp)
trap 'rm -f "$output"' EXIT
"${CARGO:-cargo}" test --release -p medveil-vault --features hsm --test hsm -- --nocapture 2>&1 | tee "$output"
if grep -q skipped: "$output"; then
  echo "the test found no token to speak with" >&2
  exit 1
fi
