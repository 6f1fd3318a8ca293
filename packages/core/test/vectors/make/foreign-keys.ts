import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { der, derBitString, derOid, derSequence, tag } from '../../../src/bytes/der.ts'
import { concat, readHex } from '../../../src/bytes/index.ts'
import { keys } from './world.ts'

// Public keys that no admission lets in, as SubjectPublicKeyInfo that is good DER.

const spkiOf = ({ publicKey }: { publicKey: KeyObject }): Uint8Array =>
  Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }))

const curve = (namedCurve: string, paramEncoding: 'named' | 'explicit' = 'named'): Uint8Array =>
  spkiOf(generateKeyPairSync('ec', { namedCurve, paramEncoding }))

const ec = '1.2.840.10045.2.1'
const p256 = derOid('1.2.840.10045.3.1.7')
const point = keys.device2.publicKey.raw
const ed25519 = (raw: Uint8Array, ...parameters: readonly Uint8Array[]): Uint8Array =>
  derSequence(derSequence(derOid('1.3.101.112'), ...parameters), derBitString(raw))
const p256Point = (raw: Uint8Array): Uint8Array => derSequence(derSequence(derOid(ec), p256), derBitString(raw))
const integer = (...bytes: readonly number[]): Uint8Array => der(tag.integer, Uint8Array.from(bytes))
const rsa = (modulus: Uint8Array, exponent: Uint8Array): Uint8Array =>
  derSequence(derSequence(derOid('1.2.840.113549.1.1.1'), der(tag.null)), derBitString(derSequence(modulus, exponent)))
const raw25519 = keys.device.publicKey.raw

export const foreignKeys: Readonly<Record<string, Uint8Array>> = {
  'RSA of 1,024 bits': spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 })),
  'RSA of 2,048 bits': spkiOf(generateKeyPairSync('rsa', { modulusLength: 2048 })),
  'RSA with exponent 3': spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024, publicExponent: 3 })),
  'RSA with exponent 1': rsa(integer(0, ...new Array(127).fill(0xff)), integer(1)),
  'RSA with an even modulus': rsa(integer(0, ...new Array(127).fill(0xfe)), integer(1, 0, 1)),
  'RSA-PSS': spkiOf(generateKeyPairSync('rsa-pss', { modulusLength: 1024 })),
  DSA: spkiOf(generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 })),
  'P-192': curve('prime192v1'),
  'P-384': curve('P-384'),
  'P-521': curve('P-521'),
  secp256k1: curve('secp256k1'),
  brainpoolP256r1: curve('brainpoolP256r1'),
  'P-256 by explicit parameters': curve('P-256', 'explicit'),
  'P-256 without parameters': derSequence(derSequence(derOid(ec)), derBitString(point)),
  'P-256 with NULL parameters': derSequence(derSequence(derOid(ec), der(tag.null)), derBitString(point)),
  'P-256 for ECDH only': derSequence(derSequence(derOid('1.3.132.1.12'), p256), derBitString(point)),
  'a compressed point': p256Point(concat(Uint8Array.of(2 | (point[64]! & 1)), point.subarray(1, 33))),
  'a hybrid point': p256Point(concat(Uint8Array.of(6 | (point[64]! & 1)), point.subarray(1))),
  'the point at infinity': p256Point(Uint8Array.of(0)),
  'a point of zeros': p256Point(concat(Uint8Array.of(4), new Uint8Array(64))),
  'a point beside the curve': p256Point(point.map((byte, i) => (i === 64 ? byte ^ 1 : byte))),
  'a point with a byte too many': p256Point(concat(point, Uint8Array.of(0))),
  'an empty point': p256Point(new Uint8Array()),
  X25519: spkiOf(generateKeyPairSync('x25519')),
  Ed448: spkiOf(generateKeyPairSync('ed448')),
  'Ed25519 with NULL': ed25519(raw25519, der(tag.null)),
  'Ed25519 of 31 bytes': ed25519(raw25519.subarray(1)),
  'Ed25519 of 33 bytes': ed25519(concat(raw25519, Uint8Array.of(0))),
  'Ed25519, the neutral element': ed25519(readHex('01'.padEnd(64, '0'))),
  'Ed25519 of order 8': ed25519(readHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')),
  'Ed25519 with y = p + 3': ed25519(readHex('f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')),
  'Ed25519 with y = 2, no point': ed25519(readHex('02'.padEnd(64, '0'))),
}
