"""Signed messages by the sidecar, for a program that holds no key. Python 3.9 and its standard library.

    sidecar = Sidecar('/var/lib/mintmark-device/sidecar.sock')
    message = sidecar.send('did:key:z6Mk...', 'telemetry:write', {'celsius': 21.5})
    sidecar.receive(message)['payload']
"""

import base64
import contextlib
import http.client
import json
import socket
import sys


class Refused(Exception):
    """What the sidecar, or the receiver behind it, says no to."""

    def __init__(self, answer):
        super().__init__(f"{answer['code']}: {answer['message']}")
        self.code, self.by_receiver = answer['code'], answer.get('from') == 'receiver'


class Sidecar:
    def __init__(self, path):
        self.path = path

    def whoami(self):
        return self._ask('GET', '/whoami')

    def send(self, to, scope, payload, **more):
        """Bytes of a signed message; with url='https://...' it is delivered there, and None is returned."""
        what = {'base64': base64.b64encode(payload).decode()} if isinstance(payload, bytes) else {'payload': payload}
        body = json.dumps({'to': to, 'scope': scope, **what, **more})
        answer = self._ask('POST', '/send', body, 'application/json')
        return base64.b64decode(answer['message']) if 'message' in answer else None

    def receive(self, message):
        """What a message says, after every check; Refused otherwise."""
        return self._ask('POST', '/receive', message, 'application/mint')

    def _ask(self, method, path, body=None, content_type=None):
        with contextlib.closing(http.client.HTTPConnection('localhost')) as connection:
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(15)
            connection.sock.connect(self.path)
            connection.request(method, path, body, {'content-type': content_type} if content_type else {})
            response = connection.getresponse()
            answer = json.loads(response.read())
        if response.status != 200:
            raise Refused(answer)
        return answer


if __name__ == '__main__':
    # python3 sidecar.py SOCKET TO SCOPE CELSIUS: sends one reading, and prints the message in base64.
    socket_path, receiver, scope_name, celsius = sys.argv[1:]
    sent = Sidecar(socket_path).send(receiver, scope_name, {'celsius': float(celsius)})
    print(base64.b64encode(sent).decode())
