// A server that speaks S3 on a free port of this machine, for tests: s3rver, which keeps what it is given in a folder, behind a check of signatures.
//
//   node s3-server.js FOLDER      prints the port; the buckets are `medveil` and `full`, key and secret S3RVER
"use strict";
if (!Object.fromEntries) throw new Error("node 12 or later is needed");
const aws4 = require("aws4");
const http = require("http");
const S3rver = require("s3rver");
const Store = require("s3rver/lib/stores/filesystem");

const KEYS = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };

// As it is, s3rver does not see a common prefix under which there are only deeper ones, as there are in a member's store: everything is listed, and cut at the delimiter here.
const list = Store.prototype.listObjects;
Store.prototype.listObjects = async function (bucket, { delimiter, maxKeys, ...options }) {
  const all = await list.call(this, bucket, options);
  if (all.isTruncated || all.objects.length > maxKeys) throw new Error("more than a test keeps");
  const prefixes = new Set();
  const objects = all.objects.filter(({ key }) => {
    const end = delimiter ? key.indexOf(delimiter, (options.prefix || "").length) : -1;
    if (end >= 0) prefixes.add(key.slice(0, end + 1));
    return end < 0;
  });
  return { objects, commonPrefixes: [...prefixes].sort(), isTruncated: false };
};

// s3rver knows access keys and takes any signature of version 4. aws4, which signs for clients, says here what it must be.
function fault({ method, url, headers }) {
  const found = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d+\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)$/
    .exec(headers.authorization || "");
  if (!found) return "AccessDenied";
  const [, id, region, signed, signature] = found;
  if (id !== KEYS.accessKeyId) return "InvalidAccessKeyId";
  const kept = Object.fromEntries(signed.split(";").map((name) => [name, headers[name] || ""]));
  const extraHeadersToInclude = Object.fromEntries(Object.keys(kept).map((name) => [name, true]));
  const again = aws4.sign({ method, path: url, service: "s3", region, headers: kept, extraHeadersToInclude }, KEYS);
  return again.headers.Authorization.endsWith(`Signature=${signature}`) ? null : "SignatureDoesNotMatch";
}

function refuse(response, status, code) {
  response.writeHead(status, { "Content-Type": "application/xml" });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>refused by the test's server</Message></Error>`);
}

const server = new S3rver({
  address: "127.0.0.1", directory: process.argv[2], silent: true,
  configureBuckets: [{ name: "medveil" }, { name: "full" }],
});
server.configureBuckets().then(() => {
  const answer = server.callback();
  const front = http.createServer((request, response) => {
    const code = fault(request);
    if (code) return refuse(response, 403, code);
    // What MinIO says when its disks are full.
    if (request.method === "PUT" && request.url.startsWith("/full/")) return refuse(response, 507, "XMinioStorageFull");
    answer(request, response);
  });
  front.keepAliveTimeout = 60000;
  front.listen(0, "127.0.0.1", () => console.log(front.address().port));
});
