#!/bin/sh
# receive.sh SOCKET: checks the message on standard input, and prints what it says as JSON; ends with 22 where it is refused.
set -eu
[ $# -eq 1 ] || { echo "receive.sh SOCKET" >&2; exit 2; }

exec curl --silent --show-error --fail-with-body --unix-socket "$1" \
  --header 'Content-Type: application/mint' --data-binary @- http://localhost/receive
