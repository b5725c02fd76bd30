// Public keys that nobody may have: every encoding of the points of small order on both curves. From their coordinates, which
// test/certs/keys.test.ts solves for; the product has a list of its own.

const P = 2n ** 255n - 19n;
const SIGN = 1n << 255n;

const hexOf = (value: bigint): string =>
  Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse().toString('hex');
const fromHex = (hex: string): bigint =>
  BigInt(`0x${Buffer.from(hex, 'hex').reverse().toString('hex')}`);

/** y of the eight points: orders 1, 2, 4 (twice) and 8 (two, twice each). */
const ED25519_Y = [
  ...[0n, 1n, P - 1n],
  fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
  fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
];
/** u of the points of orders 1, 2, 4 and 8 on curve and twist. */
const X25519_U = [
  ...[0n, 1n, P - 1n],
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
];

/** Each value as it is and as value + p where that fits, both with the highest bit clear and set. */
const encodings = (values: readonly bigint[]): string[] =>
  values
    .flatMap((value) => [value, value + P])
    .filter((value) => value < SIGN)
    .flatMap((value) => [value, value + SIGN])
    .map(hexOf);

export const SMALL_ED25519: readonly string[] = encodings(ED25519_Y);
export const SMALL_X25519: readonly string[] = encodings(X25519_U);
