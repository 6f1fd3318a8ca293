import { type Json, readBase64url, readJson } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitRaw, type PublicKey, readDidKey } from '@mintmark/core/keys'

// { "id": DID, "verificationMethod": [{ "id": DID#key, "controller": DID, "type", ...key }], "assertionMethod": [DID#key] }
//
// Of a document (DID Core 5) the keys are taken that assert for the DID itself: those that `assertionMethod` names by
// reference. Whatever else is in it is not looked at.

const most = 16

/** The keys by which a DID signs messages, admitted. @throws Refused `did-document-refused` */
export function readDocument(did: string, bytes: Uint8Array): readonly PublicKey[] {
  try {
    const document = object(readJson(bytes))
    if (document.id !== did) throw refuse('id')
    const methods = methodsOf(did, array(document.verificationMethod))
    return array(document.assertionMethod).map(reference => {
      const method = typeof reference === 'string' ? methods.get(absolute(did, reference)) : undefined
      if (method === undefined) throw refuse('assertion method')
      return keyOf(did, method)
    })
  } catch (cause) {
    if (!(cause instanceof Refused) || cause.code === 'did-document-refused') throw cause
    throw new Refused('did-document-refused', cause.message, { cause })
  }
}

type Fields = Readonly<Record<string, Json>>

function methodsOf(did: string, list: readonly Json[]): ReadonlyMap<string, Fields> {
  const methods = new Map<string, Fields>()
  for (const one of list) {
    const method = object(one)
    const id = absolute(did, method.id)
    if (methods.has(id)) throw refuse('a method twice')
    methods.set(id, method)
  }
  return methods
}

/** `#key` is short for `DID#key` (DID Core 3.2.2). */
function absolute(did: string, id: Json | undefined): string {
  if (typeof id !== 'string') throw refuse('id of a method')
  const full = id.startsWith('#') ? did + id : id
  if (!full.startsWith(`${did}#`) || !/^[A-Za-z0-9._-]{1,128}$/.test(full.slice(did.length + 1))) {
    throw refuse('id of a method')
  }
  return full
}

function keyOf(did: string, { controller, type, publicKeyMultibase, publicKeyJwk }: Fields): PublicKey {
  if (controller !== did) throw refuse('controller')
  if (type === 'Multikey' && typeof publicKeyMultibase === 'string' && publicKeyJwk === undefined) {
    return readDidKey(`did:key:${publicKeyMultibase}`)
  }
  if ((type === 'JsonWebKey' || type === 'JsonWebKey2020') && publicKeyMultibase === undefined) {
    return readJwk(object(publicKeyJwk))
  }
  throw refuse('type of a method')
}

function readJwk(jwk: Fields): PublicKey {
  if (jwk.d !== undefined) throw refuse('a private key')
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519' && jwk.y === undefined) return admitRaw('Ed25519', coordinate(jwk.x))
  if (jwk.kty === 'EC' && jwk.crv === 'P-256') {
    return admitRaw('P-256', Uint8Array.of(4, ...coordinate(jwk.x), ...coordinate(jwk.y)))
  }
  throw refuse('kind of a key')
}

function coordinate(text: Json | undefined): Uint8Array {
  const bytes = typeof text === 'string' ? readBase64url(text) : undefined
  if (bytes?.length !== 32) throw refuse('a coordinate')
  return bytes
}

function object(value: Json | undefined): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('form')
  return value as Fields
}

function array(value: Json | undefined): readonly Json[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > most) throw refuse('methods')
  return value as readonly Json[]
}

const refuse = (what: string): Refused => new Refused('did-document-refused', what)
