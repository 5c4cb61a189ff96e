#!/usr/bin/env bash
# Runs tests/s3.rs against a real server that speaks S3 and checks signatures (s3rver, from npm). Needs node and npm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$(mktemp -d)
trap '[[ -z ${server-} ]] || kill "$server"; rm -rf "$folder"' EXIT

npm install --silent --prefix "$folder" s3rver@3.7.1
cat >"$folder/server.js" <<'END'
const S3rver = require("s3rver");
new S3rver({
  port: 0, address: "127.0.0.1", directory: process.argv[2], silent: true,
  configureBuckets: [{ name: "medveil" }],
}).run().then(({ port }) => console.log(port));
END
mkdir "$folder/data"
NODE_PATH=$folder/node_modules node "$folder/server.js" "$folder/data" >"$folder/port" &
server=$!
for _ in $(seq 100); do [[ -s $folder/port ]] && break; sleep 0.1; done

export MEDVEIL_S3_ENDPOINT=http://127.0.0.1:$(cat "$folder/port")
"${CARGO:-cargo}" test --release -p medveil-vault --features s3 --test s3 -- --nocapture
