#!/bin/sh
# Checks the bundle of one release, without Shiplock and without Node.js: a POSIX shell, openssl 3, sha256sum and coreutils.
#   sh verify-release.sh FOLDER [KEY]
# KEY: a public key of the trail that you keep yourself, base64. Written apart from verify.mjs, so that each checks the other.
# Exit 0: all of it holds. 1: something was changed. 2: it is not whole. 64: wrong arguments.
# What is cut out of JSON with sed is canonical JSON (RFC 8785): members in order, no spaces, every quote within a text escaped.
set -u
LC_ALL=C
export LC_ALL
[ $# -ge 1 ] && [ -d "$1" ] || { echo "Usage: sh verify-release.sh FOLDER [KEY]" >&2; exit 64; }
dir=$1 pinned=${2-} lacking=0
tmp=$(mktemp -d) || exit 64
trap 'rm -rf "$tmp"' EXIT
printf '\000' >"$tmp/zero"
printf '\001' >"$tmp/one"
mkdir "$tmp/keys" "$tmp/passkeys" "$tmp/given" "$tmp/used"

tampered() { echo "TAMPERED: $*"; exit 1; }
incomplete() { echo "incomplete: $*"; lacking=1; }
sha() { openssl dgst -sha256 -binary; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
# Strict base64, one text for one value: decode TEXT FILE
decode() { printf %s "$1" | base64 -d >"$2" 2>/dev/null && [ "$(base64 -w0 <"$2")" = "$1" ]; }
# The same for base64url without padding.
decode_url() {
  padded=$(printf %s "$1" | tr '_-' '/+')
  case $((${#padded} % 4)) in 2) padded=$padded== ;; 3) padded=$padded= ;; esac
  decode "$padded" "$2"
}
# The text of a file, and of one line of it: cut FILE PATTERN, with one group
cut_out() { sed -n -e "s/$2/\1/p" -e 1q "$1"; }
ed25519() { openssl pkeyutl -verify -pubin -inkey "$1" -keyform DER -rawin -in "$2" -sigfile "$3" >/dev/null 2>&1; }
not_after() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort | head -n 1)" = "$1" ]; }

# ---- The files: every one of them is in the manifest, as it is. ----
for name in checkpoint.txt keys.json MANIFEST.sha256; do
  [ -f "$dir/$name" ] || { echo "INCOMPLETE: $name is missing"; exit 2; }
done
grep -Evq '^([0-9a-f]{64}  .+)?$' "$dir/MANIFEST.sha256" && tampered "MANIFEST.sha256 has a line that cannot be read"
(cd "$dir" && find . -type f ! -path ./MANIFEST.sha256 -exec sha256sum {} + | sed 's|  \./|  |' | sort) >"$tmp/sums"
sort "$dir/MANIFEST.sha256" | comm -23 "$tmp/sums" - >"$tmp/other"
[ -s "$tmp/other" ] && tampered "$(head -n 1 "$tmp/other" | cut -c 67-) is not the file that MANIFEST.sha256 lists"
sed '/^$/d; s/^.\{66\}//' "$dir/MANIFEST.sha256" >"$tmp/listed"
while IFS= read -r name; do [ -f "$dir/$name" ] || incomplete "$name is missing"; done <"$tmp/listed"

# ---- The trail's keys. ----
[ "$(wc -l <"$dir/keys.json")" -eq 1 ] && [ "$(tail -c 1 "$dir/keys.json" | hex)" = 0a ] &&
  grep -Eqx '\{"keys":\[(\{"from":[0-9]+,"publicKey":"[A-Za-z0-9+/=]*"\},?)+\],"origin":"[^"\\]*","webOrigins":\[("[^"\\]*",?)+\]\}' "$dir/keys.json" ||
  tampered "keys.json cannot be read"
origin=$(cut_out "$dir/keys.json" '.*"origin":"\([^"]*\)","webOrigins".*')
sed 's/.*"webOrigins":\[\(.*\)\]}$/\1/' "$dir/keys.json" | tr ',' '\n' | sed 's/^"//; s/"$//' >"$tmp/origins"
grep -Eo '"from":[0-9]+,"publicKey":"[^"]*"' "$dir/keys.json" | sed 's/"from":\([0-9]*\),"publicKey":"\(.*\)"/\1 \2/' >"$tmp/keys/list"
count=0 found=no
while read -r from key; do
  decode "$key" "$tmp/keys/raw" && [ "$(wc -c <"$tmp/keys/raw")" -eq 32 ] || tampered "keys.json holds what is no key"
  { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat "$tmp/keys/raw"; } >"$tmp/keys/$count.der"
  { printf '%s\n\001' "$origin"; cat "$tmp/keys/raw"; } | sha | head -c 4 | hex >"$tmp/keys/$count.id"
  echo "$from" >"$tmp/keys/$count.from"
  echo "$key" >"$tmp/keys/$count.key"
  [ "$key" = "$pinned" ] && found=yes
  count=$((count + 1))
done <"$tmp/keys/list"
[ -z "$pinned" ] || [ $found = yes ] || tampered "keys.json does not hold the key you gave"

# ---- The checkpoint. ----
sed '/^$/,$d' "$dir/checkpoint.txt" >"$tmp/text"
sed '1,/^$/d' "$dir/checkpoint.txt" >"$tmp/signatures"
[ "$(sed -n 1p "$tmp/text")" = "$origin" ] || tampered "the checkpoint is of another trail"
size=$(sed -n 2p "$tmp/text") root=$(sed -n 3p "$tmp/text")
printf '%s\n' "$size" | grep -Eqx '0|[1-9][0-9]{0,14}' || tampered "the checkpoint cannot be read"
decode "$root" "$tmp/root" && [ "$(wc -c <"$tmp/root")" -eq 32 ] || tampered "the checkpoint cannot be read"
signer=
while IFS=' ' read -r _ name signature; do
  [ -z "$signer" ] && [ "$name" = "$origin" ] && decode "$signature" "$tmp/signature" || continue
  id=$(head -c 4 "$tmp/signature" | hex) n=0
  tail -c +5 "$tmp/signature" >"$tmp/signed"
  while [ $n -lt $count ]; do
    if [ "$(cat "$tmp/keys/$n.id")" = "$id" ]; then
      ed25519 "$tmp/keys/$n.der" "$tmp/text" "$tmp/signed" || tampered "the checkpoint has a signature that does not hold"
      next="$tmp/keys/$((n + 1)).from"
      [ -f "$next" ] && [ "$size" -ge "$(cat "$next")" ] && tampered "the checkpoint is signed with a key that had been replaced"
      signer=$n
      break
    fi
    n=$((n + 1))
  done
done <"$tmp/signatures"
[ -n "$signer" ] || tampered "the checkpoint is not signed with a key of keys.json"

# ---- An entry is in the tree: RFC 9162 2.1.3.2. ----
prove() { # SEQ
  proof="$dir/entries/$1.tlog-proof"
  sed '1,/^$/d' "$proof" | cmp -s - "$dir/checkpoint.txt" || return 1
  sed '/^$/,$d' "$proof" >"$tmp/head"
  [ "$(sed -n 1p "$tmp/head")" = 'c2sp.org/tlog-proof@v1' ] && [ "$(sed -n 2p "$tmp/head")" = "index $1" ] || return 1
  [ "$1" -lt "$size" ] || return 1
  cat "$tmp/zero" "$dir/entries/$1.json" | sha >"$tmp/node"
  fn=$1 sn=$((size - 1))
  sed 1,2d "$tmp/head" >"$tmp/path"
  # 32 bytes in base64, written the one right way.
  grep -Evxq '[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=' "$tmp/path" && return 1
  node="$tmp/node" up="$tmp/up"
  while IFS= read -r line; do
    [ $sn -ne 0 ] || return 1
    echo "$line" | base64 -d >"$tmp/sibling"
    if [ $((fn % 2)) -eq 1 ] || [ "$fn" -eq $sn ]; then
      cat "$tmp/one" "$tmp/sibling" "$node" | sha >"$up"
      while [ $((fn % 2)) -eq 0 ] && [ "$fn" -ne 0 ]; do fn=$((fn / 2)) sn=$((sn / 2)); done
    else
      cat "$tmp/one" "$node" "$tmp/sibling" | sha >"$up"
    fi
    swap=$node node=$up up=$swap
    fn=$((fn / 2)) sn=$((sn / 2))
  done <"$tmp/path"
  [ $sn -eq 0 ] && cmp -s "$node" "$tmp/root"
}

# ---- What entries must be, by their kind. `no` names the entry. ----
no() { tampered "entry $seq: $*"; }

trail_key() {
  key=$(cut_out "$e" '.*"publicKey":"\([^"]*\)".*') previous=$(cut_out "$e" '.*"previous":"\([^"]*\)".*')
  from=$(cut_out "$e" '.*"from":\([0-9]*\),.*') n=1
  while [ $n -lt $count ] && [ "$(cat "$tmp/keys/$n.key")" != "$key" ]; do n=$((n + 1)); done
  [ $n -lt $count ] && [ "$(cat "$tmp/keys/$((n - 1)).key")" = "$previous" ] && [ "$(cat "$tmp/keys/$n.from")" = "$from" ] ||
    no "keys.json lacks its key"
  printf 'shiplock/trail-key/v1\n%s\n%s\n%s\n%s\n' "$origin" "$from" "$previous" "$key" >"$tmp/claim"
  for by in "byOld $((n - 1))" "byNew $n"; do
    decode "$(cut_out "$e" ".*\"${by% *}\":\"\\([^\"]*\\)\".*")" "$tmp/signed" &&
      ed25519 "$tmp/keys/${by#* }.der" "$tmp/claim" "$tmp/signed" || no "the old and the new key did not both sign it"
  done
  : >"$tmp/keys/$n.brought"
}

passkey_admit() {
  grep -q '"writer":"web"}$' "$e" && no "a passkey was not admitted by a worker"
  account=$(cut_out "$e" '.*"account":\([0-9]*\),.*') credential=$(cut_out "$e" '.*"credential":"\([A-Za-z0-9_-]*\)".*')
  roles=$(cut_out "$e" '.*"roles":\(\["[^]]*"\]\).*') spki=$(cut_out "$e" '.*"spki":"\([^"]*\)".*')
  alg=$(cut_out "$e" '.*"alg":\(-[0-9]*\),.*') n=0 certified=no
  printf 'shiplock/certificate/v1\n{"account":%s,"credential":"%s","roles":%s,"spki":"%s","what":"passkey"}' \
    "$account" "$credential" "$roles" "$spki" >"$tmp/claim"
  decode "$(cut_out "$e" '.*"certificate":"\([^"]*\)".*')" "$tmp/signed" || no "the passkey has no certificate"
  while [ $n -lt $count ]; do
    ed25519 "$tmp/keys/$n.der" "$tmp/claim" "$tmp/signed" && certified=yes
    n=$((n + 1))
  done
  [ $certified = yes ] || no "the passkey has no certificate"
  printf '%s\n' "$account" "$alg" "$spki" >"$tmp/passkeys/$credential"
}

approval_give() {
  hash=$(cut_out "$e" '.*"hash":"\([0-9a-f]\{64\}\)".*')
  [ -n "$hash" ] || return 0
  s="$dir/signoffs/$hash.statement.json"
  [ -f "$s" ] || { incomplete "the statement of entry $seq"; return 0; }
  [ "$(sha256sum <"$s" | cut -c 1-64)" = "$hash" ] || no "its statement is not the one that was agreed to"
  account=$(cut_out "$s" '^{"approver":{"account":\([0-9]*\),.*')
  forge=$(cut_out "$s" '^{"approver":{"account":[0-9]*,"forge":\("[^"]*"\),.*')
  exp=$(cut_out "$s" '.*"exp":"\([^"]*\)","iat".*') promotion=$(cut_out "$s" '.*"promotion":{"ask":[0-9]*,"id":\([0-9]*\),.*')
  [ "$(cut_out "$s" '.*"origin":"\([^"]*\)","reason".*')" = "$origin" ] || no "its statement says something else"
  [ "$(cut_out "$s" '.*"decision":"\([^"]*\)","exp".*')" = "$(cut_out "$e" '.*"decision":"\([^"]*\)".*')" ] || no "its statement says something else"
  [ "$(cut_out "$e" '^{"actor":{"id":"account:\([0-9]*\)".*')" = "$account" ] || no "its statement is of somebody else"
  [ "$(cut_out "$e" '.*"subject":{"id":\([0-9]*\),.*')" = "$promotion" ] || no "its statement is about something else"
  case ",$(cut_out "$s" '.*"excluded":{"accounts":\[\([0-9,]*\)\].*')," in *",$account,"*) no "who gave it had a hand in it" ;; esac
  case ",$(cut_out "$s" '.*"excluded":{"accounts":\[[0-9,]*\],"forge":\[\([^]]*\)\].*')," in *",${forge:-none},"*) no "who gave it had a hand in it" ;; esac
  not_after "$(cut_out "$e" '.*"at":"\([^"]*\)","because".*')" "$exp" || no "it was given after it had expired"
  printf '%s\n' "$promotion" "$(cut_out "$s" '.*"promotion":{"ask":\([0-9]*\),.*')" \
    "$(cut_out "$s" '.*"digest":"\(sha256:[0-9a-f]*\)".*')" "$exp" given >"$tmp/given/$hash"
  credential=$(cut_out "$e" '.*"credential":"\([A-Za-z0-9_-]*\)".*')
  [ -z "$credential" ] || signed_off
}

signed_off() {
  [ -f "$tmp/passkeys/$credential" ] && [ "$(sed -n 1p "$tmp/passkeys/$credential")" = "$account" ] ||
    no "its passkey was not admitted before for who gave it, or had been removed"
  a="$dir/signoffs/$hash.assertion.json"
  [ -f "$a" ] || { incomplete "the signature of entry $seq"; return 0; }
  [ "$(wc -l <"$a")" -eq 1 ] && [ "$(tail -c 1 "$a" | hex)" = 0a ] &&
    grep -Eqx '\{"authenticatorData":"[A-Za-z0-9_-]*","clientDataJSON":"[A-Za-z0-9_-]*","credentialId":"[A-Za-z0-9_-]*","signature":"[A-Za-z0-9_-]*"\}' "$a" ||
    no "its signature cannot be read"
  for part in authenticatorData clientDataJSON signature; do
    decode_url "$(cut_out "$a" ".*\"$part\":\"\\([^\"]*\\)\".*")" "$tmp/$part" || no "its signature cannot be read"
  done
  challenge=$({ printf 'shiplock/signoff/v1\n'; cat "$s"; } | sha | base64 -w0 | tr '/+' '_-' | tr -d =)
  client="$tmp/clientDataJSON"
  [ "$(grep -o '"challenge":"' "$client" | wc -l)" -eq 1 ] && grep -qF "\"challenge\":\"$challenge\"" "$client" &&
    grep -qF '"type":"webauthn.get"' "$client" || no "its signature is for other content"
  page=$(cut_out "$client" '.*"origin":"\([^"]*\)".*')
  grep -qxF "$page" "$tmp/origins" || no "it was signed on another page: $page"
  grep -Eq '"crossOrigin":true|"topOrigin":' "$client" && no "it was signed inside another page"
  host=${page#*://} host=${host%%:*}
  head -c 32 "$tmp/authenticatorData" >"$tmp/site"
  printf %s "$host" | sha | cmp -s - "$tmp/site" || no "it was signed for another site"
  flags=$(od -An -tu1 -j32 -N1 "$tmp/authenticatorData" | tr -d ' ')
  [ $((flags & 5)) -eq 5 ] && [ $((flags & 24)) -ne 16 ] || no "its authenticator did not verify who touched it"
  alg=$(sed -n 2p "$tmp/passkeys/$credential") spki=$(sed -n 3p "$tmp/passkeys/$credential")
  decode "$spki" "$tmp/spki" || no "its key cannot be read"
  { cat "$tmp/authenticatorData"; sha <"$client"; } >"$tmp/claim"
  case "$alg $spki" in
    '-7 MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE'* | '-257 MII'??'jANBgkqhkiG9w0BAQEFAAOC'*)
      openssl pkey -pubin -inform DER -in "$tmp/spki" -out "$tmp/pem" 2>/dev/null &&
        openssl dgst -sha256 -verify "$tmp/pem" -signature "$tmp/signature" "$tmp/claim" >/dev/null 2>&1 ;;
    '-8 MCowBQYDK2VwAyEA'*) ed25519 "$tmp/spki" "$tmp/claim" "$tmp/signature" ;;
    *) no "its algorithm does not fit its key" ;;
  esac || no "its signature does not hold"
}

approval_use() {
  hash=$(cut_out "$e" '.*"hash":"\([0-9a-f]\{64\}\)".*')
  [ -n "$hash" ] || return 0
  it="$tmp/given/$hash"
  [ -f "$it" ] && [ "$(sed -n 5p "$it")" = given ] || no "what it uses was not given, or is over"
  grep -q '"writer":"web"}$' "$e" && no "it was used by the web process"
  not_after "$(cut_out "$e" '.*"at":"\([^"]*\)","because".*')" "$(sed -n 4p "$it")" || no "it was used too late"
  promotion=$(sed -n 1p "$it") ask=$(sed -n 2p "$it") digest=$(sed -n 3p "$it")
  over used
  [ "$(sed -n 1p "$tmp/used/$promotion" 2>/dev/null)" = "$ask" ] || printf '%s\n' "$ask" >"$tmp/used/$promotion"
  printf '%s\n' "$digest" >>"$tmp/used/$promotion"
}

over() { # STATE
  { sed -n 1,4p "$tmp/given/$hash"; echo "$1"; } >"$tmp/state" && mv "$tmp/state" "$tmp/given/$hash"
}

promotion_observe() {
  promotion=$(cut_out "$e" '.*"subject":{"id":\([0-9]*\),.*') digest=$(cut_out "$e" '.*"digest":"\([^"]*\)".*')
  [ -f "$tmp/used/$promotion" ] || return 0
  [ -n "$digest" ] || { incomplete "entry $seq does not say which image was observed"; return 0; }
  sed 1d "$tmp/used/$promotion" | grep -qvxF "$digest" && no "$digest runs, and another image was signed off"
  deployed=$((deployed + 1))
}

# ---- The entries, in their order. ----
entries=0 deployed=0
(cd "$dir" && find entries -type f 2>/dev/null) | sed -n 's|^entries/\([0-9]*\)\.json$|\1|p' | grep -Ex '0|[1-9][0-9]{0,14}' | sort -n >"$tmp/seqs"
[ -s "$tmp/seqs" ] || incomplete "it holds no entry"
while IFS= read -r seq <&3; do
  e="$dir/entries/$seq.json"
  [ -f "$dir/entries/$seq.tlog-proof" ] || { incomplete "the proof of entry $seq"; continue; }
  prove "$seq" || tampered "entry $seq is not proven to be in the trail"
  kind=$(cut_out "$e" '.*"kind":"\([A-Za-z.-]*\)","origin".*')
  grep -qF "\"seq\":$seq,\"subject\":" "$e" && [ "$(cut_out "$e" '.*"origin":"\([^"]*\)","prev".*')" = "$origin" ] ||
    no "it is not in its place, or of another trail"
  case $kind in
    trail.key) trail_key ;;
    passkey.admit) passkey_admit ;;
    passkey.remove | passkey.propose) rm -f "$tmp/passkeys/$(cut_out "$e" '.*"credential":"\([A-Za-z0-9_-]*\)".*')" ;;
    approval.give) approval_give ;;
    approval.use) approval_use ;;
    approval.withdraw | approval.expire | approval.void)
      hash=$(cut_out "$e" '.*"hash":"\([0-9a-f]\{64\}\)".*')
      [ -f "$tmp/given/${hash:-none}" ] && over "${kind#*.}" ;;
    promotion.observe) promotion_observe ;;
  esac
  entries=$((entries + 1))
done 3<"$tmp/seqs"
[ "$signer" -eq 0 ] || [ -f "$tmp/keys/$signer.brought" ] || tampered "a key signs that no entry brings"

[ -n "$pinned" ] || echo "The key was NOT compared with one that you keep: give it as the second argument."
[ $lacking -eq 0 ] || { echo "INCOMPLETE: what is there holds, and it is not whole."; exit 2; }
echo "OK: $entries entries of $origin, $deployed deployment(s) of what was signed off."
