#!/usr/bin/env bash
# Runs a command beside a server that speaks S3, whose address is in MEDVEIL_S3_ENDPOINT:  s3.sh FOLDER COMMAND..
# The server is s3rver, installed from npm into FOLDER if it is not there. Needs node (12 or later) and npm.
set -euo pipefail
server=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/s3-server.js
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
if [[ ! -e $folder/installed ]]; then
  npm install --loglevel=error --ignore-scripts --no-audit --no-fund --prefix "$folder" s3rver@3.7.1 aws4@1.13.2
  touch "$folder/installed"
fi

data=$(mktemp -d)
trap '[[ -z ${pid-} ]] || kill "$pid"; rm -rf "$data"' EXIT
NODE_PATH=$folder/node_modules node "$server" "$data/objects" >"$data/port" &
pid=$!
for _ in $(seq 100); do [[ -s $data/port ]] && break; sleep 0.1; done
[[ -s $data/port ]] || { echo "the server that speaks S3 does not start" >&2; exit 1; }
# Nothing of this machine's stands between.
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
MEDVEIL_S3_ENDPOINT=http://127.0.0.1:$(cat "$data/port") "$@"
