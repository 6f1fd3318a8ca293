/* A thermometer on a computer: its key is a file, SHA-256 and Ed25519 are libsodium's. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mint.h"
#include "template.h"

static void digest_of(void *own, const uint8_t *bytes, size_t length, uint8_t digest[32]) {
  (void)own;
  crypto_hash_sha256(digest, bytes, length);
}

static int sign(void *own, const uint8_t *bytes, size_t length, uint8_t signature[64]) {
  return crypto_sign_detached(signature, NULL, bytes, length, own) == 0;
}

int main(int count, char **arguments) {
  uint8_t seed[32], public_key[32], secret_key[64], nonce[16], salt[16], message[1024];
  FILE *file = count > 1 ? fopen(arguments[1], "rb") : NULL;
  if (file == NULL || fread(seed, 1, sizeof seed, file) != sizeof seed || sodium_init() < 0) return 2;
  crypto_sign_seed_keypair(public_key, secret_key, seed);
  randombytes_buf(nonce, sizeof nonce);
  randombytes_buf(salt, sizeof salt);

  const char *reading = "{\"celsius\":21.5}";
  const struct mint_device device = {secret_key, digest_of, sign};
  const struct mint_once once = {nonce, (uint64_t)time(NULL), 0};
  size_t length = mint_message(message, sizeof message, &template, &device, &once, salt, (const uint8_t *)reading,
                               strlen(reading));
  return length > 0 && fwrite(message, 1, length, stdout) == length ? 0 : 1;
}
