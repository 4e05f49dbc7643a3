// NaCl's secretbox (XSalsa20-Poly1305) for WebAssembly with SIMD: `build.mjs` compiles it.
//
// Lengths are public. Nothing else decides a branch or an address, and nothing is divided. The caller writes key, nonce
// and text into `io`, reads the result from there, and then fills all memory up to the end of that text with zeros:
// everything that a function stores, its stack too, is below. There are no constants in memory to be kept.
//
// Salsa20: D. J. Bernstein, "The Salsa20 family of stream ciphers", and "Extending the Salsa20 nonce".
// Poly1305: RFC 8439 §2.5, in limbs of 32 bits as in Monocypher (public domain).
#include <stdint.h>
#include <wasm_simd128.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

#define TEXT_BYTES 122880
#define BLOCK 64
#define LANES 4
// What one run of the rounds makes.
#define GROUP (LANES * BLOCK)
#define UNROLL _Pragma("clang loop unroll(full)")
#define EXPORT(name) __attribute__((export_name(name)))

// Poly1305's state.
struct poly {
  u32 r[4];   // the multiplier
  u32 pad[4]; // added at the end
  u32 h[5];   // the sum so far
};

// All that is in memory beside the stack, in this order: the text is last.
static struct {
  v128_t stream[GROUP / 16]; // key stream: four blocks
  u32 state[16];             // Salsa20's input: constants, key, nonce, counter
  struct poly poly;
  struct {
    u8 key[32];
    u8 nonce[24];
    u8 unused[8];
    u8 tag[16];
    u8 text[TEXT_BYTES];
  } io;
} work;
#define io work.io

static inline u32 load(const u8 *p) {
  u32 word;
  __builtin_memcpy(&word, p, 4);
  return word;
}

static inline void store(u8 *p, u32 word) { __builtin_memcpy(p, &word, 4); }

// Adds a block of 16 bytes and, above it, `end`; then multiplies.
static inline void add_block(struct poly *p, const u8 *m, u32 end) {
  const u32 r0 = p->r[0], r1 = p->r[1], r2 = p->r[2], r3 = p->r[3];
  // Times 5/4: what passes 2^130 comes back times 5 (for r0, whose low bits count, see x4).
  const u64 q0 = (r0 >> 2) * 5, q1 = r1 + (r1 >> 2), q2 = r2 + (r2 >> 2), q3 = r3 + (r3 >> 2);
  // s < 2^33, r and q < 1.25 * 2^28, s4 <= 5: each sum is below 2^64.
  const u64 s0 = (u64)p->h[0] + load(m), s1 = (u64)p->h[1] + load(m + 4), s2 = (u64)p->h[2] + load(m + 8),
            s3 = (u64)p->h[3] + load(m + 12);
  const u32 s4 = p->h[4] + end;
  const u64 x0 = s0 * r0 + s1 * q3 + s2 * q2 + s3 * q1 + s4 * q0;
  const u64 x1 = s0 * r1 + s1 * r0 + s2 * q3 + s3 * q2 + s4 * q1;
  const u64 x2 = s0 * r2 + s1 * r1 + s2 * r0 + s3 * q3 + s4 * q2;
  const u64 x3 = s0 * r3 + s1 * r2 + s2 * r1 + s3 * r0 + s4 * q3;
  const u32 x4 = s4 * (r0 & 3) + (u32)(x3 >> 32);
  const u64 u0 = (u64)(x4 >> 2) * 5 + (u32)x0;
  const u64 u1 = (u0 >> 32) + (u32)x1 + (x0 >> 32);
  const u64 u2 = (u1 >> 32) + (u32)x2 + (x1 >> 32);
  const u64 u3 = (u2 >> 32) + (u32)x3 + (x2 >> 32);
  p->h[0] = u0, p->h[1] = u1, p->h[2] = u2, p->h[3] = u3, p->h[4] = (u32)(u3 >> 32) + (x4 & 3);
}

static __attribute__((noinline)) void add_blocks(const u8 *m, u32 count, u32 end) {
  struct poly p = work.poly; // in locals
  for (; count > 0; count--, m += 16) add_block(&p, m, end);
  work.poly = p;
}

// Poly1305's key is the first 32 bytes of the stream.
static inline void begin_tag(void) {
  const u8 *key = (const u8 *)work.stream;
  for (int i = 0; i < 4; i++) {
    work.poly.r[i] = load(key + 4 * i) & (i == 0 ? 0x0fffffff : 0x0ffffffc);
    work.poly.pad[i] = load(key + 16 + 4 * i);
  }
  for (int i = 0; i < 5; i++) work.poly.h[i] = 0;
}

// Adds the rest of the text, and writes the tag.
static __attribute__((noinline)) void end_tag(u8 tag[16], const u8 *m, u32 length) {
  const u32 blocks = length / 16, left = length % 16;
  add_blocks(m, blocks, 1);
  if (left > 0) {
    u8 last[16];
    for (u32 i = 0; i < 16; i++) last[i] = i < left ? m[16 * blocks + i] : i == left;
    add_blocks(last, 1, 0);
  }
  const u32 *h = work.poly.h;
  // 5 is added as often as 2^130 - 5 is contained, and what is above 2^128 is dropped.
  u64 carry = 5;
  for (int i = 0; i < 4; i++) carry = (carry + h[i]) >> 32;
  carry = ((carry + h[4]) >> 2) * 5;
  for (int i = 0; i < 4; i++) {
    carry += (u64)h[i] + work.poly.pad[i];
    store(tag + 4 * i, carry);
    carry >>= 32;
  }
}

#define ROTATE(a, n) wasm_v128_or(wasm_i32x4_shl(a, n), wasm_u32x4_shr(a, 32 - n))
#define STEP(to, a, b, n)   \
  t = wasm_i32x4_add(a, b); \
  to = wasm_v128_xor(to, ROTATE(t, n));
#define QUARTER(a, b, c, d)                                                   \
  {                                                                           \
    v128_t t;                                                                 \
    STEP(b, a, d, 7) STEP(c, b, a, 9) STEP(d, c, b, 13) STEP(a, d, c, 18)     \
  }

// Salsa20's twenty rounds of the state, in four lanes whose counters follow each other; without the final addition.
// Adds a group of text at `m` to the tag, unless that is 0: the processor multiplies while its vector units rotate.
static __attribute__((noinline)) void rounds(const u8 *m) {
  v128_t x[16];
  struct poly p = work.poly;
  // Unrolled, so that the state is in locals.
  UNROLL for (int i = 0; i < 16; i++) x[i] = wasm_i32x4_splat(work.state[i]);
  x[8] = wasm_i32x4_add(x[8], wasm_i32x4_make(0, 1, 2, 3));
  for (int i = 0; i < 10; i++) {
    QUARTER(x[0], x[4], x[8], x[12])
    QUARTER(x[5], x[9], x[13], x[1])
    QUARTER(x[10], x[14], x[2], x[6])
    QUARTER(x[15], x[3], x[7], x[11])
    QUARTER(x[0], x[1], x[2], x[3])
    QUARTER(x[5], x[6], x[7], x[4])
    QUARTER(x[10], x[11], x[8], x[9])
    QUARTER(x[15], x[12], x[13], x[14])
    if (m != 0 && i < GROUP / 32)
      for (int j = 0; j < 2; j++, m += 16) add_block(&p, m, 1);
  }
  UNROLL for (int i = 0; i < 16; i++) work.stream[i] = x[i];
  work.poly = p;
}

// HSalsa20 of the key and the nonce's first 16 bytes is the key of a Salsa20 with the rest of the nonce.
static inline void begin(void) {
  u32 *s = work.state;
  // "expand 32-byte k"
  s[0] = 0x61707865, s[5] = 0x3320646e, s[10] = 0x79622d32, s[15] = 0x6b206574;
  __builtin_memcpy(s + 1, io.key, 16);
  __builtin_memcpy(s + 11, io.key + 16, 16);
  __builtin_memcpy(s + 6, io.nonce, 16);
  rounds(0);
#define WORD(i) load((const u8 *)(work.stream + i)) // of the first lane
  s[1] = WORD(0), s[2] = WORD(5), s[3] = WORD(10), s[4] = WORD(15);
  s[11] = WORD(6), s[12] = WORD(7), s[13] = WORD(8), s[14] = WORD(9);
  __builtin_memcpy(s + 6, io.nonce + 16, 8);
  s[8] = 0, s[9] = 0;
}

// The next group of the stream, and of the tag unless `m` is 0. Inputs have at most 2^11 blocks: the counter's upper half
// stays 0.
static __attribute__((noinline)) void next_group(const u8 *m) {
  rounds(m);
  v128_t x[16];
  for (int i = 0; i < 16; i++) x[i] = wasm_i32x4_add(work.stream[i], wasm_i32x4_splat(work.state[i]));
  x[8] = wasm_i32x4_add(x[8], wasm_i32x4_make(0, 1, 2, 3));
  work.state[8] += LANES;
  // Words by lane become blocks: four transpositions of 4 x 4 words.
  for (int q = 0; q < 4; q++) {
    v128_t a = x[4 * q], b = x[4 * q + 1], c = x[4 * q + 2], d = x[4 * q + 3];
    v128_t ab0 = wasm_i32x4_shuffle(a, b, 0, 4, 1, 5), ab1 = wasm_i32x4_shuffle(a, b, 2, 6, 3, 7);
    v128_t cd0 = wasm_i32x4_shuffle(c, d, 0, 4, 1, 5), cd1 = wasm_i32x4_shuffle(c, d, 2, 6, 3, 7);
    work.stream[q] = wasm_i64x2_shuffle(ab0, cd0, 0, 2);
    work.stream[4 + q] = wasm_i64x2_shuffle(ab0, cd0, 1, 3);
    work.stream[8 + q] = wasm_i64x2_shuffle(ab1, cd1, 0, 2);
    work.stream[12 + q] = wasm_i64x2_shuffle(ab1, cd1, 1, 3);
  }
}

// XORs text with the stream from vector `at` on: whole vectors, the last perhaps beyond the text, where there is room and
// nothing that counts.
static inline void apply(u8 *text, u32 at, u32 length) {
  for (u32 left = (length + 15) / 16; left > 0; left--, text += 16)
    wasm_v128_store(text, wasm_v128_xor(wasm_v128_load(text), work.stream[at++]));
}

static inline u32 least(u32 a, u32 b) { return a < b ? a : b; }

// Where `io` is.
EXPORT("io") u8 *io_address(void) { return (u8 *)&io; }

// Seals the text in place and writes its tag.
EXPORT("seal") void seal(u32 length) {
  begin();
  next_group(0);
  begin_tag();
  u32 done = least(length, GROUP - 32), tagged = 0;
  apply(io.text, 2, done);
  while (done < length) {
    const u32 behind = done - tagged >= GROUP;
    next_group(behind ? io.text + tagged : 0);
    if (behind) tagged += GROUP;
    const u32 bytes = least(length - done, GROUP);
    apply(io.text + done, 0, bytes);
    done += bytes;
  }
  end_tag(io.tag, io.text + tagged, length - tagged);
}

// Opens the text in place: 0 if its tag is right. Otherwise the result is another number, and the text is of no use.
EXPORT("open") u32 open_box(u32 length) {
  begin();
  next_group(0);
  begin_tag();
  u8 tag[16];
  // The tag is a group ahead of the stream, which overwrites what it is made of.
  u32 tagged = 0;
  if (length >= GROUP) {
    add_blocks(io.text, GROUP / 16, 1);
    tagged = GROUP;
  }
  if (length - tagged < GROUP) end_tag(tag, io.text + tagged, length - tagged);
  u32 done = least(length, GROUP - 32);
  apply(io.text, 2, done);
  while (done < length) {
    const u32 ahead = length - tagged >= GROUP;
    next_group(ahead ? io.text + tagged : 0);
    if (ahead) {
      tagged += GROUP;
      if (length - tagged < GROUP) end_tag(tag, io.text + tagged, length - tagged);
    }
    const u32 bytes = least(length - done, GROUP);
    apply(io.text + done, 0, bytes);
    done += bytes;
  }
  u32 difference = 0;
  for (int i = 0; i < 16; i++) difference |= tag[i] ^ io.tag[i];
  return difference;
}
