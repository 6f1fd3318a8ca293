/* Writes a message for each line that comes in: hexadecimal in, hexadecimal out, "refused" where none is written. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mint.h"

static void digest_of(void *own, const uint8_t *bytes, size_t length, uint8_t digest[32]) {
  (void)own;
  crypto_hash_sha256(digest, bytes, length);
}

static int sign(void *own, const uint8_t *bytes, size_t length, uint8_t signature[64]) {
  return own != NULL && crypto_sign_detached(signature, NULL, bytes, length, own) == 0;
}

static size_t read_bytes(uint8_t *to, size_t room) {
  static char text[300000];
  size_t length = 0;
  if (scanf("%299999s", text) != 1) exit(0);
  if (strcmp(text, "-") == 0) return 0;
  if (sodium_hex2bin(to, room, text, strlen(text), NULL, &length, NULL) != 0) exit(3);
  return length;
}

static unsigned long long read_number(void) {
  unsigned long long number;
  if (scanf("%llu", &number) != 1) exit(3);
  return number;
}

int main(void) {
  static uint8_t bytes[4096], content[140000], message[140000], canary[16];
  uint8_t seed[32], public_key[32], secret_key[64], nonce[16], salt[16];
  if (sodium_init() < 0) return 2;
  memset(canary, 0xa5, sizeof canary);
  for (;;) {
    int has_key = read_bytes(seed, sizeof seed) > 0;
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    struct mint_template template = {bytes, {0, 0, 0, 0}, 0};
    read_bytes(bytes, sizeof bytes);
    for (int i = 0; i < 4; i++) template.end[i] = (uint16_t)read_number();
    template.claims = (uint8_t)read_number();
    int timed = read_bytes(nonce, sizeof nonce) > 0;
    struct mint_once once = {timed ? nonce : NULL, read_number(), 0};
    once.milliseconds = (uint16_t)read_number();
    read_bytes(salt, sizeof salt);
    size_t length = read_bytes(content, sizeof content);
    size_t room = read_number();
    struct mint_device device = {has_key ? secret_key : NULL, digest_of, sign};
    memset(message, 0xa5, sizeof message);
    size_t written = mint_message(message, room, &template, &device, &once, salt, content, length);
    if (memcmp(message + room, canary, sizeof canary) != 0) return 4;
    for (size_t i = 0; i < written; i++) printf("%02x", message[i]);
    printf(written > 0 ? "\n" : "refused\n");
  }
}
