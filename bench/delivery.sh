#!/bin/bash
# The whole delivery by hand: the same git and Docker commands, one after the other, each as short as a person would make
# it (a bind mount instead of a copy; the same BuildKit, asked by curl, which is faster than the classic builder).
# Prints `<step> <ms>` as each step ends. In the environment: URL, AUTHORIZATION, COMMIT, NAME, TEXT, WORK, SOCKET, BASE.
set -euo pipefail

last=${EPOCHREALTIME/[.,]/}
step() {
  local now=${EPOCHREALTIME/[.,]/}
  echo "$1 $(((now - last) / 1000))"
  last=$now
}
docker_api() { curl --silent --show-error --fail --unix-socket "$SOCKET" "$@"; }

src=$WORK/src
rm -rf "$src"
git -c "http.extraHeader=$AUTHORIZATION" clone --quiet --depth 1 --branch develop -- "$URL" "$src"
test "$(git -C "$src" rev-parse HEAD)" = "$COMMIT"
step clone

docker run --rm --init --cap-drop ALL --security-opt no-new-privileges --memory 1g --memory-swap 1g --cpus 1 --pids-limit 512 \
  --volume "$src:/workspace:ro" --workdir /workspace "$BASE" /bin/sh -c 'test -f Dockerfile' >/dev/null
step static

git -C "$src" archive --format=tar HEAD |
  docker_api --header 'Content-Type: application/x-tar' --data-binary @- --output "$WORK/build.log" \
    "http://docker/build?version=2&t=$NAME:new&dockerfile=Dockerfile"
grep -q 'Successfully tagged' "$WORK/build.log"
step build

docker run --rm --init --cap-drop ALL --security-opt no-new-privileges --memory 1g --memory-swap 1g --cpus 1 --pids-limit 512 \
  "$NAME:new" /bin/sh -c 'grep . /www/index.html' >/dev/null
step unit

old=$(docker ps --quiet --filter "label=bench.service=$NAME")
new=$(docker run --detach --init --cap-drop ALL --cap-add NET_BIND_SERVICE --security-opt no-new-privileges --memory 1g --memory-swap 1g \
  --pids-limit 512 --label "bench.service=$NAME" --restart unless-stopped --publish 127.0.0.1::8085 "$NAME:new")
port=$(docker port "$new" 8085/tcp)
tries=0
until curl --silent --fail --max-time 2 --output /dev/null "http://$port/healthz"; do
  tries=$((tries + 1))
  test "$tries" -lt 200
  sleep 0.04
done
step start
test "$(curl --silent --fail --max-time 2 "http://$port/index.html")" = "$TEXT"
step answer
if [ -n "$old" ]; then
  docker stop "$old" >/dev/null
  docker rm "$old" >/dev/null
fi
step remove
