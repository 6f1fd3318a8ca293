"""Verifies the proof of a recorded message with nothing of Mintmark's: Python and python3-cryptography.

    python3 verify_message_proof.py proof.json ROOT     ROOT is the SHA-256 of the root certificate, from elsewhere

Prints who sent what to whom and when it was recorded, as JSON; exits with 1 where anything does not hold. That the
sender was in good standing is the platform's word. Formats: docs/spec/proof-file.md, change.md and envelope.md.
"""
import base64, hashlib, json, sys
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cryptography.x509 import load_pem_x509_certificate
unpack = lambda text: base64.b64decode(text, validate=True)
unpack_url = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
sha256 = lambda data: hashlib.sha256(data).digest()
long = lambda data: (b"\x58" + bytes([len(data)]) if len(data) < 256 else b"\x59" + len(data).to_bytes(2, "big")) + data

def demand(holds, why):
    if not holds: raise ValueError(why)

def item(data, at=0):
    """One item of the CBOR that ledgers and envelopes are made of, and where it ends."""
    major, argument, at = data[at] >> 5, data[at] & 31, at + 1
    if argument >= 24:
        width = 1 << (argument - 24)
        argument, at = int.from_bytes(data[at:at + width], "big"), at + width
    if major < 2: return (-1 - argument if major else argument), at
    if major == 2: return data[at:at + argument], at + argument
    if major == 3: return data[at:at + argument].decode(), at + argument
    if major == 6: return item(data, at)
    values = []
    for _ in range(argument * (2 if major == 5 else 1)):
        value, at = item(data, at)
        values.append(value)
    return (dict(zip(values[::2], values[1::2])) if major == 5 else values), at

def check(key, signature, signed):
    if isinstance(key, ed25519.Ed25519PublicKey):
        y, p = int.from_bytes(key.public_bytes(Encoding.Raw, PublicFormat.Raw), "little") % 2**255, 2**255 - 19
        # Of order 8, 4, 2 or 1 (RFC 8032 5.1): anybody makes signatures of it, which a library may take.
        demand(y % p * ((2 * y**2 - 1 - y**4 * 121665 * pow(121666, -1, p)) * (y**2 - 1)) % p, "a key of small order")
        return key.verify(signature, signed)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))

def opened(sign1, key, kind):
    """Claims and payload of a COSE_Sign1 of a kind (RFC 9052 4.4) that this key signed."""
    (protected, _, payload, signature), end = item(sign1)
    check(key, signature, b"\x84\x6aSignature1" + long(protected) + b"\x40" + long(payload))
    demand(end == len(sign1) and item(protected)[0][16] == kind, "not " + kind)
    return item(protected)[0].get(15), payload

def root_hash(node, index, last, path):
    """The root that an inclusion proof leads to (RFC 9162 2.1.3.2)."""
    demand(0 <= index <= last, "no such place")
    for hash in path:
        demand(last > 0, "the proof is too long")
        right = index & 1 or index == last
        node = sha256(b"\x01" + hash + node) if right else sha256(b"\x01" + node + hash)
        while right and index and not index & 1: index, last = index >> 1, last >> 1
        index, last = index >> 1, last >> 1
    demand(last == 0, "the proof is too short")
    return node

def claims_of(envelope, key):
    """What the sender signed: receiver, scope, time, on behalf of, digest of the body."""
    if envelope[0] == 0xD2:
        claims, digest = opened(envelope, key, "application/mint")
        return claims[3], claims[9], claims.get(6), claims.get(-70001, 0), claims.get(-70003), digest
    head, payload, signature = envelope.decode().split(".")
    check(key, unpack_url(signature), f"{head}.{payload}".encode())
    demand(json.loads(unpack_url(head))["typ"] == "mint+jwt", "no message")
    claims = json.loads(unpack_url(payload))
    said = claims["aud"], claims["scope"], claims.get("iat"), claims.get("ms", 0), claims.get("obo")
    return *said, unpack_url(claims["digest"])

def verify(file, pinned):
    root = load_pem_x509_certificate(file["root"].encode())
    demand(root.fingerprint(SHA256()).hex() == pinned, "another root")
    charter, _ = item(opened(unpack(file["charter"]), root.public_key(), "application/mintmark-charter.v1")[1])
    origin = f"{charter['fleet']}.{charter['domain']}/ledger"
    note, signatures = file["checkpoint"].split("\n\n", 1)
    name, size, hash = note.split("\n")
    demand(name == origin == file["origin"], "the head of another ledger")
    signature = next(line.split(" ")[2] for line in signatures.splitlines() if line.startswith(f"\u2014 {origin} "))
    ed25519.Ed25519PublicKey.from_public_bytes(charter["ledgerKey"]).verify(unpack(signature)[4:], f"{note}\n".encode())
    entry, proof = unpack(file["entry"]), [unpack(text) for text in file["proof"]]
    demand(root_hash(sha256(b"\x00" + entry), file["index"], int(size) - 1, proof) == unpack(hash), "not in the ledger")
    fact, body = item(entry)[0], item(entry)[0]["body"]
    demand(fact["kind"] == "message.accepted" and fact["ledger"] == charter["fleet"], "no message of this fleet")
    key = load_der_public_key(body["spki"])
    audience, scope, seconds, milliseconds, behind, digest = claims_of(body["envelope"], key)
    times = {"issued": seconds and seconds * 1000 + milliseconds, "recorded": fact["at"]}
    more = {"audience": audience, "key": sha256(body["spki"]).hex(), **times}
    said = {"from": body["identity"], "to": body["to"], "scope": scope, "on behalf of": behind, "digest": digest.hex()}
    return {**said, **more, "ledger": origin, "index": file["index"]}

if __name__ == "__main__":
    print(json.dumps(verify(json.load(open(sys.argv[1])), sys.argv[2])))
