#!/bin/sh
# send.sh SOCKET TO SCOPE CELSIUS: one reading, signed by the sidecar; the message goes to standard output.
# For HTTP in place of the socket: curl --oauth2-bearer "$(cat HOME/sidecar.secret)" http://127.0.0.1:PORT/send ...
set -eu
[ $# -eq 4 ] || { echo "send.sh SOCKET TO SCOPE CELSIUS" >&2; exit 2; }

exec curl --silent --show-error --fail-with-body --unix-socket "$1" \
  --header 'Content-Type: application/json' --header 'Accept: application/mint' \
  --data "{\"to\":\"$2\",\"scope\":\"$3\",\"payload\":{\"celsius\":$4}}" http://localhost/send
