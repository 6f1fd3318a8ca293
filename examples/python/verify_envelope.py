"""Verifies a Mintmark message, or its envelope alone, with nothing of Mintmark's: Python and python3-cryptography.

    python3 verify_envelope.py MESSAGE KEY     both in hex; KEY is the sender's SubjectPublicKeyInfo

Prints what the envelope says and what was checked, as JSON; exits with 1 where it does not hold. What is not asked here
is whether the key is in good standing: that is the registry's to say. The format is docs/spec/envelope.md.
"""
import hashlib, json, sys
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


def item(data, at):
    """One item of the CBOR that envelopes are made of, and where it ends."""
    major, argument, at = data[at] >> 5, data[at] & 31, at + 1
    if argument >= 24:
        width = 1 << (argument - 24)
        argument, at = int.from_bytes(data[at:at + width], "big"), at + width
    if major < 2: return -1 - argument if major else argument, at
    if major == 2: return data[at:at + argument], at + argument
    if major == 3: return data[at:at + argument].decode(), at + argument
    if major == 6: return item(data, at)
    values = []
    for _ in range(argument * (2 if major == 5 else 1)):
        value, at = item(data, at)
        values.append(value)
    return (dict(zip(values[::2], values[1::2])) if major == 5 else values), at


def text(value):
    """A byte string, its head as short as it can be."""
    if len(value) < 24: return bytes([64 | len(value)]) + value
    return (bytes([88, len(value)]) if len(value) < 256 else b"\x59" + len(value).to_bytes(2, "big")) + value


def verify(message, spki):
    if message[:1] != b"\xd2": raise ValueError("this is no message, and no envelope, in COSE")
    (protected, _, digest, signature), end = item(message, 0)
    body, end = item(message, end) if end != len(message) else (None, end)
    signed = b"\x84\x6aSignature1" + text(protected) + text(b"") + text(digest)
    key = load_der_public_key(spki)
    if isinstance(key, ed25519.Ed25519PublicKey): key.verify(signature, signed)
    else:
        halves = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        key.verify(utils.encode_dss_signature(*halves), signed, ec.ECDSA(SHA256()))
    if end != len(message) or body is not None and hashlib.sha256(body).digest() != digest:
        raise ValueError("the body is not the one that was signed")
    claims = (header := item(protected, 0)[0])[15]
    said = {"type": header[16], "audience": claims[3], "scope": claims[9], "checked": "the envelope alone"}
    if 6 in claims: said["issued"] = claims[6] * 1000 + claims.get(-70001, 0)
    return said if body is None else {**said, "checked": "all", "content": body[16:].decode(errors="replace")}


if __name__ == "__main__":
    try: message, spki = (bytes.fromhex(text) for text in sys.argv[1:])
    except ValueError: sys.exit(print("usage: python3 verify_envelope.py MESSAGE KEY, in hex", file=sys.stderr) or 2)
    try: print(json.dumps(verify(message, spki)))
    except Exception as why: sys.exit(f"not verified: {str(why) or type(why).__name__}")
