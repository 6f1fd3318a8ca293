import { randomBytes } from 'node:crypto'

export interface Hello {
  /** The server_name extension's content, as bytes; undefined leaves it out. */
  readonly serverName?: Uint8Array
  /** The content of application_layer_protocol_negotiation. */
  readonly protocols?: Uint8Array
}

/**
 * A TLS 1.3 ClientHello (RFC 8446 4.1.2) with any server name and any protocol names: no client library would send
 * them.
 */
export function clientHello({ serverName, protocols }: Hello): Buffer {
  const keyShare = Buffer.concat([uint16(0x001d), list16(randomBytes(32))])
  const extensions = [
    extension(0x002b, list8(uint16(0x0304))),
    extension(0x000a, list16(uint16(0x001d))),
    extension(0x000d, list16(uint16(0x0403), uint16(0x0804), uint16(0x0807))),
    extension(0x0033, list16(keyShare)),
    ...(serverName ? [extension(0x0000, serverName)] : []),
    ...(protocols ? [extension(0x0010, protocols)] : []),
  ]
  const body = Buffer.concat([
    uint16(0x0303),
    randomBytes(32),
    list8(randomBytes(32)),
    list16(uint16(0x1301), uint16(0x1302), uint16(0x1303)),
    list8(Buffer.of(0)),
    list16(...extensions),
  ])
  const handshake = Buffer.concat([Buffer.of(1, 0), list16(body)])
  return Buffer.concat([Buffer.of(22), uint16(0x0301), list16(handshake)])
}

/** ServerNameList of one host name (RFC 6066 3), whatever its bytes. */
export const serverName = (name: string): Buffer =>
  list16(Buffer.concat([Buffer.of(0), list16(Buffer.from(name, 'latin1'))]))

/** ProtocolNameList (RFC 7301 3.1). */
export const protocolNames = (...names: readonly string[]): Buffer =>
  list16(...names.map(name => list8(Buffer.from(name, 'latin1'))))

const extension = (type: number, content: Uint8Array): Buffer => Buffer.concat([uint16(type), list16(content)])

const uint16 = (value: number): Buffer => Buffer.of((value >> 8) & 0xff, value & 0xff)

function list16(...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([uint16(body.length), body])
}

function list8(...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(body.length & 0xff), body])
}
