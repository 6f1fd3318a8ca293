import { BlockList, isIPv4, isIPv6 } from 'node:net'

/**
 * Whether an address belongs to somebody on the Internet, so that a stranger's name cannot lead to machines that only we
 * reach: private, loopback, link-local, shared, multicast, documentation and reserved ones are not public.
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !reserved4.check(address, 'ipv4')
  // A zone belongs to a link.
  if (!isIPv6(address) || address.includes('%')) return false
  return global6.check(address, 'ipv6') && !reserved6.check(address, 'ipv6')
}

function listOf(family: 'ipv4' | 'ipv6', networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    list.addSubnet(address, Number(bits), family)
  }
  return list
}

// IANA special-purpose registry (RFC 6890), multicast and class E.
const reserved4 = listOf('ipv4', [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  // The host under a virtual machine of Azure answers here, and to nobody else.
  '168.63.129.16/32',
])

// RFC 4291 2.4: all that is given out. Loopback, mapped and NAT64 (64:ff9b), unique-local and link-local are outside.
const global6 = listOf('ipv6', ['2000::/3'])

// Protocol assignments with Teredo and ORCHID, documentation, and 6to4, which has an IPv4 address in it.
const reserved6 = listOf('ipv6', ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])
