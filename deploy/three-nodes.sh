#!/usr/bin/env bash
# Three relay nodes on one NATS behind one address, by plain commands: http://localhost:8787/
# Needs nats-server, nginx and sws-relay (or SWS_RELAY="node apps/relay/dist/main.js"). Ctrl-C ends all of it.
set -euo pipefail
read -ra relay <<<"${SWS_RELAY:-sws-relay}"
port=${PORT:-8787}
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT

# Waits for a command to succeed while this many programs run.
wait_for() {
  local programs=$1
  shift
  until "$@" >/dev/null 2>&1; do
    if [ "$(jobs -pr | wc -l)" -lt "$programs" ]; then
      cat "$folder"/*.log >&2
      echo "a program has ended, and the others with it" >&2
      exit 1
    fi
    sleep 0.1
  done
}

export SWS_NATS_PASSWORD=${SWS_NATS_PASSWORD:-nats-$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')}
nats-server -c "$here/nats.conf" -a 127.0.0.1 -p $((port + 10)) -m $((port + 11)) 2>"$folder/nats.log" &
wait_for 1 grep -q "Server is ready" "$folder/nats.log"

# One identity for all: clients that pin the relay's key may reach any node.
export SWS_IDENTITY=$folder/relay-identity SWS_NATS=nats://127.0.0.1:$((port + 10)) SWS_NATS_USER=relay
for i in 1 2 3; do
  SWS_NODE_ID=node-$i SWS_TRUSTED_PROXIES=127.0.0.1 SWS_METRICS_LISTEN=$((port + 20 + i)) SWS_DRAIN_DELAY=3 \
    "${relay[@]}" --port $((port + i)) &
done

sed "s/8787/$port/; s/8788/$((port + 1))/; s/8789/$((port + 2))/; s/8790/$((port + 3))/" "$here/nginx-nodes.conf" >"$folder/nginx.conf"
nginx -p "$folder" -c "$folder/nginx.conf" -e "$folder/nginx-error.log" &
wait_for 5 curl -fsS "http://localhost:$port/readyz"
echo "three nodes at http://localhost:$port/, metrics at $((port + 21)), $((port + 22)) and $((port + 23))"
wait
