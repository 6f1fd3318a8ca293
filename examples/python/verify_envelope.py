"""Verifies a Mintmark message with nothing of Mintmark's: Python and python3-cryptography.

    python3 verify_envelope.py MESSAGE KEY     both in hex; KEY is the sender's SubjectPublicKeyInfo

Prints what the envelope says, as JSON; exits with 1 where it does not hold. What is not asked here is whether the key
is in good standing: that is the registry's to say. The format is docs/spec/envelope.md.
"""
import hashlib, json, sys
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


def item(data, at):
    """One item of the CBOR that envelopes are made of, and where it ends."""
    major, argument = data[at] >> 5, data[at] & 31
    at += 1
    if argument >= 24:
        width = 1 << (argument - 24)
        argument, at = int.from_bytes(data[at:at + width], "big"), at + width
    if major == 0: return argument, at
    if major == 1: return -1 - argument, at
    if major == 2: return data[at:at + argument], at + argument
    if major == 3: return data[at:at + argument].decode(), at + argument
    if major == 6: return item(data, at)
    values = []
    for _ in range(argument * (2 if major == 5 else 1)):
        value, at = item(data, at)
        values.append(value)
    return (dict(zip(values[::2], values[1::2])) if major == 5 else values), at


def head(major, length):
    """The head of a string, as short as it can be."""
    if length < 24: return bytes([major << 5 | length])
    return bytes([major << 5 | 24, length]) if length < 256 else bytes([major << 5 | 25]) + length.to_bytes(2, "big")


def verify(message, spki):
    (protected, _, digest, signature), end = item(message, 0)
    body, _ = item(message, end)
    text = lambda value: head(2, len(value)) + value
    signed = b"\x84" + head(3, 10) + b"Signature1" + text(protected) + text(b"") + text(digest)
    key = load_der_public_key(spki)
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, signed)
    else:
        halves = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        key.verify(utils.encode_dss_signature(*halves), signed, ec.ECDSA(SHA256()))
    if hashlib.sha256(body).digest() != digest:
        raise ValueError("the body is not the one that was signed")
    header, _ = item(protected, 0)
    claims = header[15]
    said = {"type": header[16], "audience": claims[3], "scope": claims[9], "content": body[16:].decode(errors="replace")}
    return {**said, "issued": claims[6] * 1000 + claims.get(-70001, 0)} if 6 in claims else said


if __name__ == "__main__":
    print(json.dumps(verify(*(bytes.fromhex(text) for text in sys.argv[1:3]))))
