/* Signed messages from a device that is too small for the SDK. C99; no heap, no clock, no library. */
#ifndef MINT_H
#define MINT_H

#include <stddef.h>
#include <stdint.h>

/* What all messages of one kind have in common; make-template.ts writes it. */
struct mint_template {
  const uint8_t *bytes;
  /* Where its four parts end: up to the claims, the audience, the scope, the rest. */
  uint16_t end[4];
  /* Claims in it. */
  uint8_t claims;
};

/* What the device has of its own. `own` is handed to both. */
struct mint_device {
  void *own;
  void (*sha256)(void *own, const uint8_t *bytes, size_t length, uint8_t digest[32]);
  /* Ed25519 (RFC 8032), or ECDSA P-256 with SHA-256 as r || s: 64 bytes. 0 where it failed. */
  int (*sign)(void *own, const uint8_t *bytes, size_t length, uint8_t signature[64]);
};

/* What makes a message the only one of its kind. */
struct mint_once {
  /* 16 random bytes, new each time; or NULL, and then the number counts. */
  const uint8_t *nonce;
  /* Seconds since 1970; or a number that is higher each time, and is never used again, also not after a restart. */
  uint64_t number;
  /* 0 to 999, beside seconds. */
  uint16_t milliseconds;
};

/*
 * Writes a message: envelope and body. `salt` is 16 random bytes, new each time.
 * Returns how long it is; 0 where there is no room, a number is out of range, or the device did not sign.
 */
size_t mint_message(uint8_t *out, size_t room, const struct mint_template *template, const struct mint_device *device,
                    const struct mint_once *once, const uint8_t salt[16], const uint8_t *content, size_t length);

#endif
