"""Opens sealed messages of Mintmark: HPKE (RFC 9180) in base mode by hand, over X25519, HMAC and AES-GCM.

    python3 open_sealed.py < docs/spec/sealing-vectors.json

Needs the package `cryptography`. Prints a line for each message, and ends with 1 where one does not open.
"""

import hashlib
import hmac
import json
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEM = b"KEM" + (0x0020).to_bytes(2, "big")
HPKE = b"HPKE" + bytes.fromhex("002000010001")


def labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def labeled_expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    out, block = b"", b""
    while len(out) < length:
        block = hmac.digest(prk, block + labeled + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:length]


def raw(key: X25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def open_sealed(secret: X25519PrivateKey, info: bytes, body: bytes) -> bytes:
    """Salt and content of a sealed body."""
    enc, ciphertext = body[:32], body[32:]
    shared = secret.exchange(X25519PublicKey.from_public_bytes(enc))
    prk = labeled_extract(KEM, b"", b"eae_prk", shared)
    shared_secret = labeled_expand(KEM, prk, b"shared_secret", enc + raw(secret.public_key()), 32)
    no_psk = labeled_extract(HPKE, b"", b"psk_id_hash", b"")
    context = b"\x00" + no_psk + labeled_extract(HPKE, b"", b"info_hash", info)
    prk = labeled_extract(HPKE, shared_secret, b"secret", b"")
    key = labeled_expand(HPKE, prk, b"key", context, 16)
    nonce = labeled_expand(HPKE, prk, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def main() -> int:
    for vector in json.load(sys.stdin)["valid"]:
        field = {name: bytes.fromhex(text) for name, text in vector.items() if name != "name"}
        secret = X25519PrivateKey.from_private_bytes(field["receiverPrivate"])
        disclosure = open_sealed(secret, field["info"], field["enc"] + field["ciphertext"])
        if hashlib.sha256(disclosure).digest() != field["commitment"]:
            print(f"{vector['name']}: not what was committed to")
            return 1
        print(f"{vector['name']}: {disclosure[16:].decode()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
