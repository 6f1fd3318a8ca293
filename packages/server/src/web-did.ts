/** did:web of a device, as its document has it where its fleet is public. */
export const webDid = (domain: string, fleet: string, name: string): string =>
  `did:web:${domain}:fleets:${fleet}:devices:${name}`
