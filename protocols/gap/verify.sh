#!/bin/sh
# Checks one receipt with nothing but openssl (3.0 or newer) and the tools of any Unix.
#
#   sh verify.sh RECEIPT PROOF KEY ORIGIN
#
#   RECEIPT  N.receipt.json    the statement in its signed envelope
#   PROOF    N.tlog-proof      its place in the log of the space, with the signed head of that log
#   KEY      space.pub.pem     public key of the space, or all that it has had, got in another way than with the receipt
#   ORIGIN   odcm/MESH/SPACE/receipts/1
#
# Prints three lines that end in OK, then the statement. Ends with 1 at the first thing that is wrong.
set -eu
[ $# -eq 4 ] || { sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2; exit 2; }
receipt=$1 proof=$2 key=$3 origin=$4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "$1: WRONG" >&2; exit 1; }
sha() { openssl dgst -sha256 -binary; }
unbase64() { openssl base64 -d -A; }
# What an earlier key has signed stays signed: any of them will do.
awk -v dir="$tmp" '/^-----BEGIN/ { n++ } n { print > (dir "/key." n) }' "$key"
signed() {
  for one in "$tmp"/key.*; do
    openssl pkeyutl -verify -pubin -inkey "$one" -rawin -in "$1" -sigfile "$2" >/dev/null 2>&1 && return 0
  done
  return 1
}

# The proof: a head of its own, an empty line, three lines of the log's head, an empty line, signatures.
awk -v dir="$tmp" 'part < 2 && $0 == "" { part++; next } { print > (dir "/" part + 0) }' "$proof"
[ "$(sed -n 1p "$tmp/0")" = "c2sp.org/tlog-proof@v1" ] || fail "form of the proof"
[ "$(wc -l <"$tmp/1")" -eq 3 ] && [ "$(sed -n 1p "$tmp/1")" = "$origin" ] || fail "origin of the log"
awk -v name="$origin" '$1 == "—" && $2 == name { print $3; exit }' "$tmp/2" | unbase64 >"$tmp/line"
tail -c +5 "$tmp/line" >"$tmp/sig"
[ "$(wc -c <"$tmp/sig")" -eq 64 ] && signed "$tmp/1" "$tmp/sig" || fail "signature of the log"
echo "signature of the log: OK"

# The envelope: DSSE signs type and payload with their lengths.
field() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p' "$receipt"; }
type=$(field payloadType)
field payload | unbase64 >"$tmp/payload"
field sig | unbase64 >"$tmp/sig"
size=$(wc -c <"$tmp/payload" | tr -d ' ')
{ printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$size"; cat "$tmp/payload"; } >"$tmp/pae"
signed "$tmp/pae" "$tmp/sig" || fail "signature of the receipt"
echo "signature of the receipt: OK"

# From the receipt up to the root of the log (RFC 9162, section 2.1.3.2).
index=$(sed -n '2s/^index \([0-9][0-9]*\)$/\1/p' "$tmp/0")
last=$(($(sed -n 2p "$tmp/1") - 1))
[ -n "$index" ] && [ "$index" -le "$last" ] || fail "place in the log"
{ printf '\000'; cat "$receipt"; } | sha >"$tmp/node"
sed 1,2d "$tmp/0" >"$tmp/path"
while read -r hash; do
  [ "$last" -gt 0 ] || fail "place in the log"
  printf %s "$hash" | unbase64 >"$tmp/side"
  if [ $((index % 2)) -eq 1 ] || [ "$index" -eq "$last" ]; then
    { printf '\001'; cat "$tmp/side" "$tmp/node"; } | sha >"$tmp/up"
    while [ $((index % 2)) -eq 0 ] && [ "$index" -gt 0 ]; do index=$((index / 2)) last=$((last / 2)); done
  else
    { printf '\001'; cat "$tmp/node" "$tmp/side"; } | sha >"$tmp/up"
  fi
  mv "$tmp/up" "$tmp/node"
  index=$((index / 2)) last=$((last / 2))
done <"$tmp/path"
[ "$last" -eq 0 ] && [ "$(openssl base64 -A -in "$tmp/node")" = "$(sed -n 3p "$tmp/1")" ] || fail "place in the log"
echo "place in the log: OK"
cat "$tmp/payload"
echo
