#!/usr/bin/env bash
# Runs tests/s3.rs against a real server that speaks S3 (s3rver, from npm, into a scratch folder). Needs node and npm. The server knows access keys; that signatures of version 4 are right it does not check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$(mktemp -d)
trap '[[ -z ${server-} ]] || kill "$server"; rm -rf "$folder"' EXIT

npm install --silent --no-audit --no-fund --prefix "$folder" s3rver@3.7.1
cat >"$folder/server.js" <<'END'
const S3rver = require("s3rver");
const Store = require("s3rver/lib/stores/filesystem");
// As it is, s3rver does not see a common prefix under which there are only deeper ones, as there are in a member's store: everything is listed, and cut at the delimiter here.
const list = Store.prototype.listObjects;
Store.prototype.listObjects = async function (bucket, { delimiter, maxKeys, ...options }) {
  const all = await list.call(this, bucket, options);
  if (all.isTruncated || all.objects.length > maxKeys) throw new Error("more than this test keeps");
  const prefixes = new Set();
  const objects = all.objects.filter(({ key }) => {
    const end = delimiter ? key.indexOf(delimiter, (options.prefix || "").length) : -1;
    if (end >= 0) prefixes.add(key.slice(0, end + 1));
    return end < 0;
  });
  return { objects, commonPrefixes: [...prefixes].sort(), isTruncated: false };
};
new S3rver({
  port: 0, address: "127.0.0.1", directory: process.argv[2], silent: true,
  configureBuckets: [{ name: "medveil" }],
}).run().then(({ port }) => console.log(port));
END
mkdir "$folder/data"
NODE_PATH=$folder/node_modules node "$folder/server.js" "$folder/data" >"$folder/port" &
server=$!
for _ in $(seq 100); do [[ -s $folder/port ]] && break; sleep 0.1; done
[[ -s $folder/port ]] || { echo "the server does not start" >&2; exit 1; }

export MEDVEIL_S3_ENDPOINT=http://127.0.0.1:$(cat "$folder/port")
"${CARGO:-cargo}" test --release -p medveil-vault --features s3 --test s3 -- --nocapture
