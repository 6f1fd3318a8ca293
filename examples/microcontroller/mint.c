#include "mint.h"

/* Above this no reader counts: 2^53 - 1, and the last second whose milliseconds are below it. */
#define LAST_SEQUENCE UINT64_C(9007199254740991)
#define LAST_SECOND UINT64_C(9007199254739)
/* CBOR's major types. */
enum { NUMBER = 0x00, BYTES = 0x40 };
/* What stands before the protected header: in what is signed (RFC 9052 4.4), and in the envelope. */
enum { SIGNED = 12, ENVELOPE = 2 };
/* h'' or {}, 58 20 and the digest; then 58 40 and the signature. */
enum { DIGEST = 3 + 32, SIGNATURE = 2 + 64 };

static uint8_t *copy(uint8_t *to, const uint8_t *from, size_t length) {
  while (length-- > 0) *to++ = *from++;
  return to;
}

/* The shortest head (RFC 8949 4.2.1). Without `to` nothing is written. Returns how long it is. */
static size_t head(uint8_t *to, uint8_t major, uint64_t number) {
  uint8_t size = number < 24 ? 0 : number < 0x100 ? 1 : number < 0x10000 ? 2 : number <= 0xffffffff ? 4 : 8;
  if (to != NULL) {
    to[0] = major | (size == 0 ? (uint8_t)number : size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27);
    for (uint8_t at = size; at > 0; at--, number >>= 8) to[at] = (uint8_t)number;
  }
  return 1 + (size_t)size;
}

/* A key of a claim for private use, -70001 - `which`, and its number. */
static uint8_t *private_claim(uint8_t *to, uint8_t which, uint64_t number) {
  static const uint8_t key[] = {0x3a, 0x00, 0x01, 0x11};
  to = copy(to, key, sizeof key);
  *to++ = 0x70 + which;
  return to + head(to, NUMBER, number);
}

size_t mint_message(uint8_t *out, size_t room, const struct mint_template *template, const struct mint_device *device,
                    const struct mint_once *once, const uint8_t salt[16], const uint8_t *content, size_t length) {
  static const uint8_t signature1[SIGNED] = {0x84, 0x6a, 'S', 'i', 'g', 'n', 'a', 't', 'u', 'r', 'e', '1'};
  const uint8_t *bytes = template->bytes;
  const uint16_t *end = template->end;
  int timed = once->nonce != NULL;
  if (once->number > (timed ? LAST_SECOND : LAST_SEQUENCE) || once->milliseconds > (timed ? 999 : 0)) return 0;

  /* The header's length is a sum, because a claim's number is as short as it can be. */
  int precise = once->milliseconds > 0;
  size_t number = head(NULL, NUMBER, once->number);
  size_t header = end[3] + 1 + (timed ? 1 + number + 18 : 5 + number);
  if (precise) header += 5 + head(NULL, NUMBER, once->milliseconds);
  size_t body = ENVELOPE + head(NULL, BYTES, header) + header + DIGEST + SIGNATURE;
  size_t before = body + head(NULL, BYTES, 16 + (uint64_t)length) + 16;
  if (room < before || room - before < length) return 0;

  /* The body stands in its place while what is signed is made before it. */
  uint8_t *salted = out + body + head(out + body, BYTES, 16 + (uint64_t)length);
  copy(copy(salted, salt, 16), content, length);
  uint8_t *at = copy(out, signature1, SIGNED);
  at += head(at, BYTES, header);
  at = copy(at, bytes, end[0]);
  *at++ = 0xa0 | (uint8_t)(template->claims + (timed ? 2 : 1) + precise);
  at = copy(at, bytes + end[0], (size_t)(end[1] - end[0]));
  if (timed) {
    *at++ = 0x06;
    at += head(at, NUMBER, once->number);
    *at++ = 0x07;
    *at++ = 0x50;
    at = copy(at, once->nonce, 16);
  }
  at = copy(at, bytes + end[1], (size_t)(end[2] - end[1]));
  if (precise) at = private_claim(at, 0, once->milliseconds);
  if (!timed) at = private_claim(at, 1, once->number);
  at = copy(at, bytes + end[2], (size_t)(end[3] - end[2]));
  uint8_t *external = at;
  *at++ = 0x40;
  *at++ = 0x58;
  *at++ = 0x20;
  device->sha256(device->own, salted, 16 + length, at);
  at += 32;

  uint8_t *moved = out + SIGNED - ENVELOPE;
  uint8_t signature[64];
  if (!device->sign(device->own, out, (size_t)(at - out), signature)) return 0;
  *external = 0xa0;
  moved[0] = 0xd2;
  moved[1] = 0x84;
  uint8_t *last = copy(out, moved, (size_t)(at - moved));
  *last++ = 0x58;
  *last++ = 0x40;
  copy(last, signature, 64);
  return before + length;
}
