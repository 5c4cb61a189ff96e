# `just` lists the recipes. `just pre-pr` is the whole gate.

set shell := ["bash", "-euo", "pipefail", "-c"]

_default:
    @just --list --unsorted

# The README's tour: a synthetic hospital, de-identified and verified.
demo:
    @awk '$0 == "```sh demo" { on = 1; next } /^```/ { on = 0 } on' README.md | bash -euxo pipefail

# Every test.
test:
    cargo test --release --workspace

# The whole gate: what a change must pass.
pre-pr:
    .ci/run

# Formats the code.
fmt:
    cargo fmt --all

# Clippy, as strict as the gate.
lint:
    cargo clippy --release --workspace --all-targets -- -D warnings

# Builds the documentation and fails on a broken link.
docs:
    RUSTDOCFLAGS='-D warnings' cargo doc --release --no-deps --workspace

# The figures of docs/benchmarks.md, in the profile that is shipped.
bench *NAMES:
    cargo build --profile dist
    for name in {{ if NAMES == "" { "csv fhir scan anonymize" } else { NAMES } }}; do target/dist/medveil bench "$name"; done

# Simulates consortia under faults, one for each seed of the range.
simulate SEEDS="0..300":
    MEDVEIL_SEEDS={{ SEEDS }} cargo test --release --workspace --test simulation seeds -- --nocapture

# The tests of buckets against a real server that speaks S3 (s3rver, installed from npm into target/s3): needs node and npm.
s3:
    crates/vault/tests/s3.sh target/s3 cargo test --release --workspace --test s3 --test custodian --test it bucket

# Keys in a real token behind PKCS#11 (softhsm2, installed from Debian where it is missing).
hsm:
    crates/vault/tests/hsm.sh

# Fuzzes one target (csv, fhir, hierarchy, plan, receipt, transaction, genesis, evidence, block, certificate, manifest, partial, ceremony, age, batch, x509, policy): needs `cargo install cargo-fuzz` and a nightly compiler.
fuzz NAME MINUTES="10":
    mkdir -p fuzz/corpus/{{ NAME }}
    cargo +nightly fuzz run --sanitizer none {{ NAME }} fuzz/corpus/{{ NAME }} fuzz/corpus-seeds/{{ NAME }} -- \
        -max_total_time=$(( {{ MINUTES }} * 60 )) -rss_limit_mb=1024 -timeout=10 -max_len=8192
